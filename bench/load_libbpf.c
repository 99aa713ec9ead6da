/* SPDX-License-Identifier: Apache-2.0
 * The other side of a comparison: libbpf. The same steps as load_ours.cc, in a process of its own.
 * Test only; compare.py builds it, with the libbpf that the oracle uses.
 *
 *   load-libbpf relocate|load OBJECT
 *
 * relocate: no kernel takes part; every bpf(2) is answered at once and is not counted.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf_clock.h"

static int on_message(enum libbpf_print_level level, const char* format, va_list list) {
  return level == LIBBPF_WARN ? vfprintf(stderr, format, list) : 0;
}

static int load(const char* path, int attach) {
  struct bpf_program* program;
  struct bpf_object* object = bpf_object__open_file(path, NULL);
  if (object == NULL) return -errno;
  const int error = bpf_object__load(object);
  if (error != 0 || !attach) return error;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__attach(program) == NULL) return -errno;
  }
  return 0;
}

int main(int argc, char** argv) {
  const int relocate = argc == 3 && strcmp(argv[1], "relocate") == 0;
  bpf_clock_start(relocate);
  if (argc != 3 || (!relocate && strcmp(argv[1], "load") != 0)) {
    fprintf(stderr, "usage: load-libbpf relocate|load OBJECT\n");
    return 2;
  }
  libbpf_set_print(on_message);
  const int error = load(argv[2], !relocate);
  if (error != 0) {
    fprintf(stderr, "load-libbpf: %s: %s\n", argv[2], strerror(-error));
    return 1;
  }
  bpf_clock_print();
  return 0;
}
