// SPDX-License-Identifier: Apache-2.0
// What libbpf would give the kernel: one JSON object per program of an object file, on one line, as
// `bpfld dump OBJ --linked -o json` prints them. Test only; libbpf.py links it with a libbpf that
// it builds.
//
// No kernel takes part and nothing needs root: the linker redirects libbpf's calls of syscall(),
// and here bpf(2) makes maps, BTF and programs out of empty files and says that all went well.
// Since /sys/kernel/btf and the kernel's configuration are redirected too, an object can be loaded
// for any kernel whose BTF is at hand. Instructions of all programs are printed when the first is
// handed over: by then libbpf has relocated all of them, so one whose attach target this kernel
// lacks is printed as well, but without func_info and line_info, which follow on a line of their
// own for each program that is handed over.
//
// usage: libbpf-dump BTF CONFIG RELEASE OBJECT...
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static const char *target_btf, *target_config, *target_release;
static struct bpf_object* current;
static bool printed;         // the current object's programs
static char complaint[512];  // libbpf's first warning about the current object

// libbpf reserves an fd for each map when it opens an object, by making an empty file: in the order
// of the maps, and one more for the inner map of a map of maps, which follows its outer map.
enum { MAX_MAPS = 1024 };
static int reserved[MAX_MAPS];
static size_t reserved_count;

// ---- output

static void print_string(const char* text) {
  putchar('"');
  for (const unsigned char* at = (const unsigned char*)text; *at != 0; at++) {
    if (*at == '"' || *at == '\\')
      printf("\\%c", *at);
    else if (*at < 0x20)
      printf("\\u%04x", *at);
    else
      putchar(*at);
  }
  putchar('"');
}

static const struct bpf_map* map_of(int fd) {
  struct bpf_map* map;
  size_t at = 0;
  bpf_object__for_each_map(map, current) {
    if (at < reserved_count && reserved[at] == fd) return map;
    at += bpf_map__inner_map(map) != NULL ? 2 : 1;
  }
  return NULL;
}

// Zeroes what only one run knows (fds), and prints what it stood for. Ids of the kernel's types
// stay: both sides have them from the same BTF.
static void print_references(struct bpf_insn* insns, size_t count) {
  const char* comma = "";
  for (size_t i = 0; i < count; i++) {
    struct bpf_insn* insn = &insns[i];
    const bool is_call = insn->code == (BPF_JMP | BPF_CALL);
    const bool is_wide = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < count;
    if (is_call && insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
      printf("%s{\"insn\":%zu,\"kind\":\"kfunc\"}", comma, i);
      comma = ",";
    }
    if (!is_wide) continue;
    if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE) {
      const bool is_value = insn->src_reg == BPF_PSEUDO_MAP_VALUE;
      const struct bpf_map* map = map_of(insn->imm);
      printf("%s{\"insn\":%zu,\"kind\":\"%s\",\"name\":", comma, i, is_value ? "map_value" : "map");
      print_string(map != NULL ? bpf_map__name(map) : "?");
      if (is_value) printf(",\"offset\":%u", (unsigned)insns[i + 1].imm);
      printf("}");
      insn->imm = 0;
      comma = ",";
    } else if (insn->src_reg == BPF_PSEUDO_BTF_ID) {
      printf("%s{\"insn\":%zu,\"kind\":\"ksym\"}", comma, i);
      comma = ",";
    }
    i++;
  }
}

static void print_program(const struct bpf_program* program, bool typed) {
  const size_t count = bpf_program__insn_cnt(program);
  struct bpf_insn* insns = malloc((count + 1) * sizeof *insns);
  if (insns == NULL) abort();
  memcpy(insns, bpf_program__insns(program), count * sizeof *insns);
  printf("{\"name\":");
  print_string(bpf_program__name(program));
  printf(",\"section\":");
  print_string(bpf_program__section_name(program));
  printf(",\"type\":%d,\"expected_attach_type\":%d,\"refs\":[",
         typed ? (int)bpf_program__type(program) : 0,
         (int)bpf_program__expected_attach_type(program));
  print_references(insns, count);
  printf("],\"insns\":[");
  for (size_t i = 0; i < count; i++) {
    const unsigned char* bytes = (const unsigned char*)&insns[i];
    printf("%s\"", i == 0 ? "" : ",");
    for (size_t b = 0; b < sizeof insns[i]; b++)
      printf("%02x", bytes[b]);
    printf("\"");
  }
  printf("]}\n");
  free(insns);
}

// Programs of an unknown section have no type; they are given this one so that libbpf goes on.
static const enum bpf_prog_type kStandIn = BPF_PROG_TYPE_SOCKET_FILTER;

static bool is_stand_in(const struct bpf_program* program) {
  enum bpf_prog_type type;
  enum bpf_attach_type attach;
  return libbpf_prog_type_by_name(bpf_program__section_name(program), &type, &attach) != 0;
}

static void print_programs(void) {
  struct bpf_program* program;
  if (printed) return;
  printed = true;
  bpf_object__for_each_program(program, current) {
    if (bpf_program__autoload(program)) print_program(program, !is_stand_in(program));
  }
}

// ---- the kernel that libbpf sees

static int fail_with(int error) {
  errno = error;
  return -1;
}

static int a_file(size_t size) {
  const int fd = memfd_create("oracle", MFD_CLOEXEC);
  if (fd >= 0 && size > 0 && ftruncate(fd, (off_t)size) != 0) abort();
  return fd;
}

static const struct bpf_program* program_of(const void* insns) {
  struct bpf_program* program;
  if (current == NULL) return NULL;
  bpf_object__for_each_program(program, current) {
    if (bpf_program__insns(program) == insns) return program;
  }
  return NULL;
}

// The first `words` words of each record.
static void print_records(const char* key, __u64 at, __u32 count, __u32 size, __u32 words) {
  const char* records = (const char*)(unsigned long)at;
  printf(",\"%s\":[", key);
  for (__u32 i = 0; i < count; i++) {
    printf("%s[", i == 0 ? "" : ",");
    for (__u32 w = 0; w < words; w++) {
      __u32 word;
      memcpy(&word, records + (size_t)i * size + w * sizeof word, sizeof word);
      printf("%s%u", w == 0 ? "" : ",", word);
    }
    printf("]");
  }
  printf("]");
}

// What comes with the instructions; only known of a program that is handed over.
static void print_info(const struct bpf_program* program, const union bpf_attr* attr) {
  printf("{\"info\":");
  print_string(bpf_program__name(program));
  print_records("func_info", attr->func_info, attr->func_info_cnt, attr->func_info_rec_size, 2);
  print_records("line_info", attr->line_info, attr->line_info_cnt, attr->line_info_rec_size, 4);
  printf("}\n");
}

static void on_program(const union bpf_attr* attr) {
  const struct bpf_program* program = program_of((const void*)(unsigned long)attr->insns);
  if (program == NULL) return;  // a probe
  print_programs();
  print_info(program, attr);
}

static long answer(int command, union bpf_attr* attr) {
  switch (command) {
    case BPF_PROG_LOAD: on_program(attr); return a_file(0);
    case BPF_MAP_CREATE: return a_file(1 << 20);  // an image of it is mapped, but never touched
    case BPF_BTF_LOAD:
    case BPF_RAW_TRACEPOINT_OPEN: return a_file(0);
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_FREEZE:
    case BPF_PROG_BIND_MAP: return 0;
    case BPF_LINK_CREATE: return fail_with(EBADF);  // what the probe for perf links hopes for
    case BPF_BTF_GET_NEXT_ID:
    case BPF_OBJ_GET: return fail_with(ENOENT);  // no modules; nothing pinned
    default: return fail_with(EINVAL);
  }
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
  if (number == SYS_bpf) return answer((int)arguments[0], (union bpf_attr*)arguments[1]);
  if (number == SYS_perf_event_open) return fail_with(EPERM);
  const long result = __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                                     arguments[4], arguments[5]);
  if (number == SYS_memfd_create && reserved_count < MAX_MAPS)
    reserved[reserved_count++] = (int)result;
  return result;
}

FILE* __real_fopen(const char* path, const char* mode);
FILE* __wrap_fopen(const char* path, const char* mode);
FILE* __wrap_fopen(const char* path, const char* mode) {
  if (strcmp(path, "/sys/kernel/btf/vmlinux") == 0) path = target_btf;
  return __real_fopen(path, mode);
}

int __real_faccessat(int directory, const char* path, int mode, int flags);
int __wrap_faccessat(int directory, const char* path, int mode, int flags);
int __wrap_faccessat(int directory, const char* path, int mode, int flags) {
  if (strcmp(path, "/sys/kernel/btf/vmlinux") == 0) path = target_btf;
  return __real_faccessat(directory, path, mode, flags);
}

gzFile __real_gzopen(const char* path, const char* mode);
gzFile __wrap_gzopen(const char* path, const char* mode);
gzFile __wrap_gzopen(const char* path, const char* mode) {
  (void)path;
  return __real_gzopen(target_config, mode);
}

int __real_uname(struct utsname* names);
int __wrap_uname(struct utsname* names);
int __wrap_uname(struct utsname* names) {
  const int status = __real_uname(names);
  snprintf(names->release, sizeof names->release, "%s", target_release);
  snprintf(names->version, sizeof names->version, "#1");
  return status;
}

// ---- one object

static int on_message(enum libbpf_print_level level, const char* format, va_list list) {
  if (level != LIBBPF_WARN) return 0;
  char text[sizeof complaint];
  vsnprintf(text, sizeof text, format, list);
  text[strcspn(text, "\n")] = 0;
  if (complaint[0] == 0) memcpy(complaint, text, sizeof text);
  // Relocated, but not handed over: its attach target is not in this kernel, for one.
  if (current != NULL && strstr(text, "failed to prepare load attributes") != NULL)
    print_programs();
  return 0;
}

static void print_refusal(const char* program, int error) {
  printf("{\"refused\":");
  print_string(program);
  printf(",\"error\":%d,\"why\":", error);
  print_string(complaint);
  printf("}\n");
}

// Loads the program called `only`, or all of them.
static int load(const char* path, const char* only) {
  LIBBPF_OPTS(bpf_object_open_opts, options, .bpf_token_path = "");
  struct bpf_program* program;
  struct bpf_map* map;
  printed = false;
  complaint[0] = 0;
  reserved_count = 0;
  struct bpf_object* object = bpf_object__open_file(path, &options);
  if (object == NULL) return -errno;
  bpf_object__for_each_program(program, object) {
    bpf_program__set_autoload(program,
                              only == NULL || strcmp(only, bpf_program__name(program)) == 0);
  }
  current = object;
  bpf_object__for_each_program(program, object) {
    if (is_stand_in(program)) bpf_program__set_type(program, kStandIn);
  }
  bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
  const int error = bpf_object__load(object);
  current = NULL;
  bpf_object__close(object);
  return printed ? 0 : error;
}

// All programs at once, as libbpf does it; if that is refused, one by one, to see which it is
// about.
static void dump(const char* path) {
  printf("{\"object\":");
  print_string(path);
  printf("}\n");
  const int error = load(path, NULL);
  if (error == 0) return;
  LIBBPF_OPTS(bpf_object_open_opts, options, .bpf_token_path = "");
  struct bpf_object* names = bpf_object__open_file(path, &options);
  if (names == NULL) {
    print_refusal("", error);
    return;
  }
  struct bpf_program* program;
  bpf_object__for_each_program(program, names) {
    const int own_error = load(path, bpf_program__name(program));
    if (own_error != 0) print_refusal(bpf_program__name(program), own_error);
  }
  bpf_object__close(names);
}

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: libbpf-dump BTF CONFIG RELEASE OBJECT...\n");
    return 2;
  }
  target_btf = argv[1];
  target_config = argv[2];
  target_release = argv[3];
  libbpf_set_print(on_message);
  for (int i = 4; i < argc; i++) {
    dump(argv[i]);
    fflush(stdout);
  }
  return 0;
}
