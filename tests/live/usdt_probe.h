// SPDX-License-Identifier: Apache-2.0
// A USDT probe of the test program itself, as <sys/sdt.h> would write it: a nop, and a note that
// says where it is and where its arguments are. The text of an asm statement, on x86-64.
//
// Format: https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
#pragma once

// `semaphore`: a symbol, or "0" for none; `arguments`: as in the note, '%' doubled. libstdc++ has
// probes too, and the symbol _.stapsdt.base with them.
#define BPFLD_USDT_PROBE(name, semaphore, arguments) \
  "990: nop\n"                                       \
  ".pushsection .note.stapsdt,\"\",@note\n"          \
  ".balign 4\n"                                      \
  ".4byte 992f-991f, 994f-993f, 3\n"                 \
  "991: .asciz \"stapsdt\"\n"                        \
  "992: .balign 4\n"                                 \
  "993: .8byte 990b\n"                               \
  ".8byte _.stapsdt.base\n"                          \
  ".8byte " semaphore                                \
  "\n"                                               \
  ".asciz \"bpfld\"\n"                               \
  ".asciz \"" name                                   \
  "\"\n"                                             \
  ".asciz \"" arguments                              \
  "\"\n"                                             \
  "994: .balign 4\n"                                 \
  ".weak _.stapsdt.base\n"                           \
  ".hidden _.stapsdt.base\n"                         \
  ".popsection\n"
