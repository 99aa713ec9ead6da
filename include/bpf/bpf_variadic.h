/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Counting and walking macro arguments.
 *
 * The public macros of this folder turn an argument list into something else: bpf_printk() into an
 * array of u64, BPF_PROG() into reads of consecutive context slots. The preprocessor has no loops,
 * so each walk is a ladder with one rung per list length. Only one general ladder lives here:
 *
 *   ___bpf_map(f, x, a, b, c)   →   f(x, 0, a) f(x, 1, b) f(x, 2, c)
 *
 * A rung repeats the previous one and adds its last element, which keeps every index a literal.
 * Twelve elements are enough: no helper and no traced function takes more.
 */

#define ___bpf_concat_(a, b) a##b
#define ___bpf_concat(a, b) ___bpf_concat_(a, b)
#define ___bpf_apply(f, n) ___bpf_concat(f, n)

/* Picks its 14th argument; what precedes the candidates decides which candidate that is. */
#define ___bpf_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, n, ...) n

/* How many arguments: 0 to 12. */
#define ___bpf_narg(...) \
  ___bpf_nth(_ __VA_OPT__(, ) __VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/* clang-format off */
#define ___bpf_map0(f, x)
#define ___bpf_map1(f, x, a) \
  f(x, 0, a)
#define ___bpf_map2(f, x, a, b) \
  ___bpf_map1(f, x, a) f(x, 1, b)
#define ___bpf_map3(f, x, a, b, c) \
  ___bpf_map2(f, x, a, b) f(x, 2, c)
#define ___bpf_map4(f, x, a, b, c, d) \
  ___bpf_map3(f, x, a, b, c) f(x, 3, d)
#define ___bpf_map5(f, x, a, b, c, d, e) \
  ___bpf_map4(f, x, a, b, c, d) f(x, 4, e)
#define ___bpf_map6(f, x, a, b, c, d, e, g) \
  ___bpf_map5(f, x, a, b, c, d, e) f(x, 5, g)
#define ___bpf_map7(f, x, a, b, c, d, e, g, h) \
  ___bpf_map6(f, x, a, b, c, d, e, g) f(x, 6, h)
#define ___bpf_map8(f, x, a, b, c, d, e, g, h, i) \
  ___bpf_map7(f, x, a, b, c, d, e, g, h) f(x, 7, i)
#define ___bpf_map9(f, x, a, b, c, d, e, g, h, i, j) \
  ___bpf_map8(f, x, a, b, c, d, e, g, h, i) f(x, 8, j)
#define ___bpf_map10(f, x, a, b, c, d, e, g, h, i, j, k) \
  ___bpf_map9(f, x, a, b, c, d, e, g, h, i, j) f(x, 9, k)
#define ___bpf_map11(f, x, a, b, c, d, e, g, h, i, j, k, l) \
  ___bpf_map10(f, x, a, b, c, d, e, g, h, i, j, k) f(x, 10, l)
#define ___bpf_map12(f, x, a, b, c, d, e, g, h, i, j, k, l, m) \
  ___bpf_map11(f, x, a, b, c, d, e, g, h, i, j, k, l) f(x, 11, m)
/* clang-format on */

#define ___bpf_map(f, x, ...) \
  ___bpf_apply(___bpf_map, ___bpf_narg(__VA_ARGS__))(f, x __VA_OPT__(, ) __VA_ARGS__)

/* Stores the arguments, widened, in an array of unsigned long long. */
#define ___bpf_fill_one(array, i, value) (array)[i] = (unsigned long long)(value);
#define ___bpf_fill(array, ...) ___bpf_map(___bpf_fill_one, array __VA_OPT__(, ) __VA_ARGS__)
