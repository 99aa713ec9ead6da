// SPDX-License-Identifier: Apache-2.0
// What the running kernel says to each program of an object file when libbpf loads it alone: one
// line of JSON per program, with the keys of `bpfld verify -o json` that parity.py compares. Test
// only; libbpf.py links it, statically, with a libbpf that it builds.
//
// `errno` is the kernel's answer, or 0 when libbpf itself refused: the linker redirects libbpf's
// calls of syscall(), so that the last bpf(2) before the end of a failed load is known. What libbpf
// asks again for a log that nobody reads is answered here: in a guest, the log of a million
// instructions takes minutes.
//
// usage: libbpf-verify OBJECT...
//        libbpf-verify --ids      all that the kernel holds: "prog 7 map 3 4 link btf 1"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/syscall.h>

static int last_errno;       // of the last bpf(2): 0 when it worked
static char complaint[512];  // the warning that says most about a failed load

static void print_string(const char* text) {
  putchar('"');
  for (const unsigned char* at = (const unsigned char*)text; *at != 0; at++) {
    if (*at == '"' || *at == '\\')
      printf("\\%c", *at);
    else if (*at < 0x20 || *at >= 0x7f)
      printf("\\u%04x", *at);
    else
      putchar(*at);
  }
  putchar('"');
}

// The BPF_PROG_LOAD without a log that was refused last.
static struct {
  __u64 insns;
  int error;  // 0: none was
} refused;

// Whether it is the same program, for its log; if not, remembers nothing of the one before.
static bool is_for_the_log(const union bpf_attr* load) {
  if (refused.error != 0 && load->log_level != 0 && load->insns == refused.insns) return true;
  refused.insns = load->insns;
  refused.error = 0;
  return false;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  va_list list;
  long arguments[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg(list, long);
  va_end(list);
  const bool is_load = number == SYS_bpf && arguments[0] == BPF_PROG_LOAD;
  const union bpf_attr* attr = (const union bpf_attr*)arguments[1];
  if (is_load && is_for_the_log(attr)) {
    last_errno = errno = refused.error;
    return -1;
  }
  const long result = __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                                     arguments[4], arguments[5]);
  if (number == SYS_bpf) last_errno = result < 0 ? errno : 0;
  if (is_load && attr->log_level == 0) refused.error = last_errno;
  return result;
}

// The first warning, but not the verifier's log, which comes as a warning of many lines.
static int on_message(enum libbpf_print_level level, const char* format, va_list list) {
  if (level != LIBBPF_WARN || complaint[0] != 0) return 0;
  vsnprintf(complaint, sizeof complaint, format, list);
  complaint[strcspn(complaint, "\n")] = 0;
  return 0;
}

static struct bpf_object* open_object(const char* path) {
  LIBBPF_OPTS(bpf_object_open_opts, options, .bpf_token_path = "");
  last_errno = 0;
  complaint[0] = 0;
  return bpf_object__open_file(path, &options);
}

static void print(const char* path, const char* program, int error) {
  printf("{\"object\":");
  print_string(path);
  printf(",\"program\":");
  if (program != NULL)
    print_string(program);
  else
    printf("null");
  const bool is_kernels = error != 0 && last_errno == -error;
  printf(",\"ok\":%s,\"errno\":%d,\"error\":%d,\"reason\":", error == 0 ? "true" : "false",
         is_kernels ? -error : 0, -error);
  print_string(error == 0 ? "" : complaint);
  printf("}\n");
  fflush(stdout);
}

static int load_alone(const char* path, const char* name) {
  struct bpf_program* program;
  struct bpf_map* map;
  struct bpf_object* object = open_object(path);
  if (object == NULL) return -errno;
  bpf_object__for_each_program(program, object) {
    bpf_program__set_autoload(program, strcmp(name, bpf_program__name(program)) == 0);
  }
  bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
  const int error = bpf_object__load(object);
  const int kernels = last_errno;
  bpf_object__close(object);
  last_errno = kernels;
  return error;
}

static void verify(const char* path) {
  struct bpf_program* program;
  struct bpf_object* names = open_object(path);
  if (names == NULL) {
    print(path, NULL, -errno);
    return;
  }
  bpf_object__for_each_program(program, names) {
    const char* name = bpf_program__name(program);
    print(path, name, load_alone(path, name));
  }
  bpf_object__close(names);
}

static void print_ids(const char* name, int (*next_id)(__u32, __u32*)) {
  printf("%s", name);
  for (__u32 id = 0; next_id(id, &id) == 0;)
    printf(" %u", id);
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: libbpf-verify OBJECT... | --ids\n");
    return 2;
  }
  if (strcmp(argv[1], "--ids") == 0) {
    print_ids("prog", bpf_prog_get_next_id);
    print_ids(" map", bpf_map_get_next_id);
    print_ids(" link", bpf_link_get_next_id);
    print_ids(" btf", bpf_btf_get_next_id);
    printf("\n");
    return 0;
  }
  libbpf_set_print(on_message);
  for (int i = 1; i < argc; i++)
    verify(argv[i]);
  return 0;
}
