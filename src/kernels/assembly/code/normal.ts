// Quantiles of the standard normal distribution by algorithm AS 241 (Wichura 1988), accurate to 1e-16: a table look-up
// replaces the logarithm, root and cosine of the Box–Muller transform.
import { workspace } from "../table/memory";

const ENTRIES: u32 = 4096;

/** Creates f32[4096], the quantiles of (i + 1/2) / 4096. Returns its address, 0 if there is no memory for it. */
export function normalTable(): usize {
  const table = workspace((<usize>ENTRIES) << 2);
  if (table == 0) return 0;
  for (let i = ENTRIES / 2; i < ENTRIES; i++) {
    const x = <f32>upperQuantile((<f64>i + 0.5) / <f64>ENTRIES);
    store<f32>(table + ((<usize>i) << 2), x);
    store<f32>(table + ((<usize>(ENTRIES - 1 - i)) << 2), -x);
  }
  return table;
}

/** The quantile of p in [0.5, 1). */
function upperQuantile(p: f64): f64 {
  const q = p - 0.5;
  if (q <= 0.425) return central(q);
  const r = sqrt<f64>(-NativeMath.log(1 - p));
  return r <= 5 ? outer(r - 1.6) : NaN;
}

function central(q: f64): f64 {
  const r = 0.180625 - q * q;
  const above =
    ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r + 45921.953931549871457) *
      r +
      13731.693765509461125) *
      r +
      1971.5909503065514427) *
      r +
      133.14166789178437745) *
      r +
    3.387132872796366608;
  const below =
    ((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r + 21213.794301586595867) *
      r +
      5394.1960214247511077) *
      r +
      687.1870074920579083) *
      r +
      42.313330701600911252) *
      r +
    1.0;
  return (q * above) / below;
}

function outer(r: f64): f64 {
  const above =
    ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r +
      1.27045825245236838258) *
      r +
      3.64784832476320460504) *
      r +
      5.7694972214606914055) *
      r +
      4.6303378461565452959) *
      r +
    1.42343711074968357734;
  const below =
    ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r +
      0.14810397642748007459) *
      r +
      0.68976733498510000455) *
      r +
      1.6763848301838038494) *
      r +
      2.05319162663775882187) *
      r +
    1.0;
  return above / below;
}
