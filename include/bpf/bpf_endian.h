/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Byte order conversion for values read from packets and socket structures.
 *
 * A BPF program is compiled for one byte order (-target bpfel or bpfeb), so the choice is made by
 * the preprocessor. A constant argument takes the form made of shifts, which is a constant
 * expression for every compiler and so may be a case label or an initialiser: `case
 * bpf_htons(ETH_P_IP):`. Anything else takes the builtin, which the BPF back end turns into its one
 * swap instruction.
 */

#define ___bpf_const_swap16(x)                               \
  ((unsigned short)((((unsigned short)(x) & 0x00ffU) << 8) | \
                    (((unsigned short)(x) & 0xff00U) >> 8)))

#define ___bpf_const_swap32(x)                                \
  ((unsigned int)((((unsigned int)(x) & 0x000000ffU) << 24) | \
                  (((unsigned int)(x) & 0x0000ff00U) << 8) |  \
                  (((unsigned int)(x) & 0x00ff0000U) >> 8) |  \
                  (((unsigned int)(x) & 0xff000000U) >> 24)))

#define ___bpf_const_swap64(x)                                               \
  ((unsigned long long)(((unsigned long long)___bpf_const_swap32(x) << 32) | \
                        ___bpf_const_swap32((unsigned long long)(x) >> 32)))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define __bpf_ntohs(x) __builtin_bswap16(x)
#define __bpf_htons(x) __builtin_bswap16(x)
#define __bpf_ntohl(x) __builtin_bswap32(x)
#define __bpf_htonl(x) __builtin_bswap32(x)
#define __bpf_be64_to_cpu(x) __builtin_bswap64(x)
#define __bpf_cpu_to_be64(x) __builtin_bswap64(x)
#define __bpf_constant_ntohs(x) ___bpf_const_swap16(x)
#define __bpf_constant_htons(x) ___bpf_const_swap16(x)
#define __bpf_constant_ntohl(x) ___bpf_const_swap32(x)
#define __bpf_constant_htonl(x) ___bpf_const_swap32(x)
#define __bpf_constant_be64_to_cpu(x) ___bpf_const_swap64(x)
#define __bpf_constant_cpu_to_be64(x) ___bpf_const_swap64(x)

#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__

#define __bpf_ntohs(x) ((unsigned short)(x))
#define __bpf_htons(x) ((unsigned short)(x))
#define __bpf_ntohl(x) ((unsigned int)(x))
#define __bpf_htonl(x) ((unsigned int)(x))
#define __bpf_be64_to_cpu(x) ((unsigned long long)(x))
#define __bpf_cpu_to_be64(x) ((unsigned long long)(x))
#define __bpf_constant_ntohs(x) ((unsigned short)(x))
#define __bpf_constant_htons(x) ((unsigned short)(x))
#define __bpf_constant_ntohl(x) ((unsigned int)(x))
#define __bpf_constant_htonl(x) ((unsigned int)(x))
#define __bpf_constant_be64_to_cpu(x) ((unsigned long long)(x))
#define __bpf_constant_cpu_to_be64(x) ((unsigned long long)(x))

#else
#error "the compiler does not say which byte order it compiles for"
#endif

#define ___bpf_swap_form(x, name) \
  (__builtin_constant_p(x) ? __bpf_constant_##name(x) : __bpf_##name(x))

#define bpf_ntohs(x) ___bpf_swap_form(x, ntohs)
#define bpf_htons(x) ___bpf_swap_form(x, htons)
#define bpf_ntohl(x) ___bpf_swap_form(x, ntohl)
#define bpf_htonl(x) ___bpf_swap_form(x, htonl)
#define bpf_be64_to_cpu(x) ___bpf_swap_form(x, be64_to_cpu)
#define bpf_cpu_to_be64(x) ___bpf_swap_form(x, cpu_to_be64)
