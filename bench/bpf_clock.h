/* SPDX-License-Identifier: Apache-2.0
 * What both sides of a comparison are measured with: the CPU time of the process, the part of it
 * that passes inside bpf(2), and how often that is called. bpf_clock.c stands between a program and
 * syscall(), where the linker puts it (--wrap=syscall), so neither side measures itself.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* The measured part begins. With `pretend` no kernel takes part: bpf(2) is answered at once, always
 * well, with empty files where fds are expected. */
void bpf_clock_start(int pretend);
/* Prints one JSON object: what has passed since bpf_clock_start(), and the most memory that this
 * process ever had. Times in nanoseconds, memory in KiB. */
void bpf_clock_print(void);

#ifdef __cplusplus
}
#endif
