import { expect, it } from "vitest";
import { unknownFlags, yaml } from "./files.js";

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly name: string;
  readonly args: string[];
  readonly ports: { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: { readonly limits: object; readonly requests: object };
  readonly securityContext: object;
  readonly volumeMounts: { readonly name: string; readonly mountPath: string }[];
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector?: object & { readonly matchLabels?: object };
    readonly ports?: { readonly targetPort: string }[];
    readonly serviceName?: string;
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
    readonly volumeClaimTemplates?: { readonly metadata: { readonly name: string } }[];
    readonly template?: {
      readonly metadata: { readonly labels: object; readonly annotations: Record<string, string> };
      readonly spec: {
        readonly securityContext: object;
        readonly containers: Container[];
        readonly volumes: { readonly name: string }[];
      };
    };
  };
}

const manifests = yaml<Manifest>("deploy/kubernetes.yaml");
const workloads = manifests.filter(({ spec }) => spec.template);
const named = (kind: string, name: string) => manifests.some((one) => one.kind === kind && one.metadata.name === name);

it("has a trainer, scorers, their storage and services, each with the API version of its kind", () => {
  expect(manifests.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`)).toEqual([
    "v1 Service hashbrook-trainer",
    "apps/v1 StatefulSet hashbrook-trainer",
    "v1 Service hashbrook-scorer",
    "apps/v1 Deployment hashbrook-scorer",
    "policy/v1 PodDisruptionBudget hashbrook-scorer",
    "autoscaling/v2 HorizontalPodAutoscaler hashbrook-scorer",
  ]);
});

it("selects pods by labels that they have", () => {
  const labels = workloads.map(({ spec }) => spec.template!.metadata.labels);
  for (const { kind, metadata, spec } of manifests.filter((one) => one.spec.selector)) {
    const wanted = spec.selector!.matchLabels ?? spec.selector!;
    expect(
      labels.filter((has) =>
        Object.entries(wanted).every((label) => Object.entries(has).some(([k, v]) => k === label[0] && v === label[1])),
      ),
      `${kind} ${metadata.name}`,
    ).toHaveLength(1);
  }
  for (const { spec } of manifests) {
    if (spec.serviceName) expect(named("Service", spec.serviceName)).toBe(true);
    if (spec.scaleTargetRef) expect(named(spec.scaleTargetRef.kind, spec.scaleTargetRef.name)).toBe(true);
  }
});

it.each(workloads.map((one) => [one.metadata.name, one] as const))(
  "%s has a command, probes and a security context",
  (_, { spec }) => {
    const { metadata, spec: pod } = spec.template!;
    const [container] = pod.containers;
    expect(unknownFlags(container.args)).toEqual([]);
    const port = container.args.find((arg) => /^--(metrics-)?port=/.test(arg))!.split("=")[1];
    expect(container.ports.map(({ containerPort }) => String(containerPort))).toEqual([port]);
    expect(metadata.annotations["prometheus.io/port"]).toBe(port);
    expect(container.args).toContain("--host=0.0.0.0");
    const { startupProbe, livenessProbe, readinessProbe } = container;
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)).toEqual(
      ["live", "live", "ready"].map((what) => ({ path: `/v2/health/${what}`, port: container.ports[0].name })),
    );
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(Object.keys(container.resources.requests)).toEqual(["cpu", "memory"]);
    expect(Object.keys(container.resources.limits)).toEqual(["memory"]);
  },
);

it("mounts existing volumes, which contain the paths of command lines", () => {
  for (const { metadata, spec } of workloads) {
    const { containers, volumes } = spec.template!.spec;
    const [{ args, volumeMounts }] = containers;
    const there = [...volumes, ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map(
      ({ name }) => name,
    );
    expect(volumeMounts.map(({ name }) => name).sort(), metadata.name).toEqual(there.sort());
    const paths = args.map((arg) => arg.split("=")[1]).filter((value) => value?.startsWith("/"));
    expect(paths.filter((path) => !volumeMounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`)))).toEqual([]);
  }
});

it("a server beyond its own machine requires a token", () => {
  const scorer = workloads.find(({ metadata }) => metadata.name === "hashbrook-scorer")!;
  const { args } = scorer.spec.template!.spec.containers[0];
  expect(args.some((arg) => arg.startsWith("--token-file="))).toBe(true);
  expect(args).not.toContain("--insecure");
});
