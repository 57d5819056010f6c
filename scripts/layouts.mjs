// A transform of the AssemblyScript compiler: adds the layouts of a kernel's structs (unmanaged classes) and the
// 32-bit constants of its files to the module, as JSON in a custom section. src/kernels/layouts.ts reads them.
import binaryen from "assemblyscript/binaryen";
import { Transform } from "assemblyscript/transform";

const OURS = "src/kernels/assembly/";
/** The compiler's CommonFlags.Const. */
const CONSTANT = 8;

export default class extends Transform {
  afterCompile(module) {
    const structs = {};
    const constants = {};
    for (const [name, element] of this.program.elementsByName) {
      if (!name.startsWith(OURS)) continue;
      const [struct] = element.instances?.values() ?? [];
      if (struct?.type?.isUnmanaged && struct.members) structs[element.name] = layoutOf(struct);
      if (element.is(CONSTANT) && element.type?.size === 32 && element.type.isIntegerValue)
        add(constants, constantOf(module, element));
    }
    module.addCustomSection("layouts", new TextEncoder().encode(JSON.stringify({ structs, constants })));
  }
}

/** A name with different values in two files is ambiguous, so it is omitted. */
function add(constants, more) {
  for (const [name, value] of Object.entries(more)) {
    constants[name] = name in constants && constants[name] !== value ? undefined : value;
  }
}

/** The size of a struct, and the offset and type of each of its fields. */
function layoutOf(struct) {
  const fields = {};
  for (const [name, { instance }] of struct.members)
    if (instance?.isField) fields[name] = [instance.memoryOffset, typeOf(instance.type)];
  return { size: struct.nextMemoryOffset, fields };
}

/** Unused constants are not compiled, so they are omitted. */
function constantOf(module, { name, internalName }) {
  const global = module.getGlobal(internalName);
  if (!global) return {};
  const { id, value } = binaryen.getExpressionInfo(binaryen.getGlobalInfo(global).init);
  return id === binaryen.ConstId ? { [name]: value >>> 0 } : {};
}

/** The host sees pointers to structs as u32 numbers. */
const typeOf = (type) => (type.isFloatValue ? `f${type.size}` : `u${type.size}`);
