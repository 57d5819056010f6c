// k hash functions of a 64-bit key by multiply-shift (Dietzfelbinger 1996), each strongly universal:
// h_i = ((a_i lo + b_i hi + c_i) mod 2^64) >> 40, where lo, hi are the halves of the key after splitmix64's finaliser,
// and
// a_0, b_0, c_0, a_1 ... are the outputs of splitmix64 started at the seed.
// The key is mixed first because multiply-shift alone maps keys at equal distances to codes at equal distances. A code
// is h_i mapped to (-1, 1), or the normal quantile of its top 12 bits. Only the upper half of each sum matters:
// upper(a lo) = upper(a_low lo) + a_high lo mod 2^32.
import { GOLDEN, mix } from "../table/initial";
import { workspace } from "../table/memory";
import { normalTable } from "./normal";

const HALF_STEP: f32 = 1.0 / 16777216.0;
/** Bytes of the coefficients of four hashes: low halves of a and b, high halves of a and b, four 64-bit c. */
const GROUP: usize = 96;

let hashes: u32 = 0;
let groups: usize = 0;
/** Addresses of the coefficients, and of the normal quantiles (0 if codes are uniform). */
let coefficients: usize = 0;
let normal: usize = 0;

/** Draws the functions' coefficients. False if there is no memory for them. */
export function openHashes(hashes_: u32, gaussian: bool, seed: u64): bool {
  hashes = hashes_;
  groups = <usize>((hashes + 3) >> 2);
  coefficients = workspace(groups * GROUP);
  normal = gaussian ? normalTable() : 0;
  if (coefficients == 0 || (gaussian && normal == 0)) return false;
  for (let i: usize = 0; i < groups * 4; i++) {
    const at = coefficients + (i >> 2) * GROUP + ((i & 3) << 2);
    const a = mix(seed + (<u64>i * 3 + 1) * GOLDEN);
    const b = mix(seed + (<u64>i * 3 + 2) * GOLDEN);
    store<u32>(at, <u32>a);
    store<u32>(at, <u32>b, 16);
    store<u32>(at, <u32>(a >> 32), 32);
    store<u32>(at, <u32>(b >> 32), 48);
    store<u64>(at + ((i & 3) << 2), mix(seed + (<u64>i * 3 + 3) * GOLDEN), 64);
  }
  return true;
}

/** Writes a key's code, f32[hashes], to `out`, and up to three more floats after it. */
export function writeCode(key: u64, out: usize): void {
  const mixed = mix(key);
  const lo = i32x4.splat(<i32>mixed);
  const hi = i32x4.splat(<i32>(mixed >> 32));
  const end = coefficients + groups * GROUP;
  for (let at = coefficients; at < end; at += GROUP, out += 16) {
    const upper = upperHalves(at, lo, hi);
    if (normal) storeNormal(upper, out);
    else storeUniform(upper, out);
  }
}

/** The upper 32 bits of four sums. */
@inline
function upperHalves(at: usize, lo: v128, hi: v128): v128 {
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const first = i64x2.add(
    i64x2.add(i64x2.extmul_low_i32x4_u(a, lo), i64x2.extmul_low_i32x4_u(b, hi)),
    v128.load(at, 64),
  );
  const second = i64x2.add(
    i64x2.add(i64x2.extmul_high_i32x4_u(a, lo), i64x2.extmul_high_i32x4_u(b, hi)),
    v128.load(at, 80),
  );
  const high = i32x4.add(i32x4.mul(v128.load(at, 32), lo), i32x4.mul(v128.load(at, 48), hi));
  return i32x4.add(v128.shuffle<i32>(first, second, 1, 3, 5, 7), high);
}

/** (2 u + 1 - 2^24) / 2^24 of the upper 24 bits u: in (-1, 1), symmetric around 0. */
@inline
function storeUniform(upper: v128, out: usize): void {
  const u = i32x4.shr_u(upper, 8);
  const odd = i32x4.add(i32x4.add(u, u), i32x4.splat(1 - (1 << 24)));
  v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(odd), f32x4.splat(HALF_STEP)));
}

@inline
function storeNormal(upper: v128, out: usize): void {
  const u = i32x4.shl(i32x4.shr_u(upper, 20), 2);
  store<f32>(out, load<f32>(normal + <usize>i32x4.extract_lane(u, 0)));
  store<f32>(out, load<f32>(normal + <usize>i32x4.extract_lane(u, 1)), 4);
  store<f32>(out, load<f32>(normal + <usize>i32x4.extract_lane(u, 2)), 8);
  store<f32>(out, load<f32>(normal + <usize>i32x4.extract_lane(u, 3)), 12);
}
