// What members of an unnamed object mean is told by the comment of what holds it: they need none of their own.
import { Converter, ReflectionKind } from "typedoc";

/** Only these are asked for a comment; naming others would be a warning of its own. */
const isAsked = (property) => !property.hasComment() && !property.parent.parent?.kindOf(ReflectionKind.Parameter);

export function load(app) {
  app.converter.on(Converter.EVENT_END, ({ project }) => {
    const properties = project.getReflectionsByKind(ReflectionKind.Property).filter(isAsked);
    const names = properties.map((property) => property.getFullName()).filter((name) => name.includes(".__type."));
    app.options.setValue("intentionallyNotDocumented", [...new Set(names)]);
  });
}
