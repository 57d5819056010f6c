// Symbols without a comment or page of their own.
import { Converter, makeRecursiveVisitor, ReflectionKind } from "typedoc";

/** Comments are only required for these; naming others would cause a warning. */
const isAsked = (property) => !property.hasComment() && !property.parent.parent?.kindOf(ReflectionKind.Parameter);

export function load(app) {
  const add = (option, names) =>
    app.options.setValue(option, [...new Set([...app.options.getValue(option), ...names])]);

  app.converter.on(Converter.EVENT_END, ({ project }) => {
    // Members of an unnamed object: the comment of the object describes them.
    const properties = project.getReflectionsByKind(ReflectionKind.Property).filter(isAsked);
    const names = properties.map((property) => property.getFullName());
    add(
      "intentionallyNotDocumented",
      names.filter((name) => name.includes(".__type.")),
    );
    // Parts of a compiled spec: they follow from the schemas of the kinds, and only the compiler creates them.
    const parts = [];
    const note = makeRecursiveVisitor({ reference: ({ name, reflection }) => reflection || parts.push(name) });
    const compiled = project.getReflectionsByKind(ReflectionKind.Interface).find(({ name }) => name === "CompiledSpec");
    for (const { type } of compiled.children) type.visit(note);
    add("intentionallyNotExported", parts);
  });
}
