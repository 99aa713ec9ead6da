// SPDX-License-Identifier: Apache-2.0
// The pages, in the order of their numbers. Numbers are never given to another error; those missing
// here belong to what bpfld does not do yet.
#include "cli/error_pages.h"

#include <algorithm>

#include "base/format.h"
#include "cli/style.h"

namespace bpfld::cli {
namespace {

constexpr ErrorPage kPages[] = {
    {"E01", "root or capabilities are missing",
     "Loading a program needs CAP_BPF, and CAP_PERFMON for programs that trace; those that touch "
     "packets need CAP_NET_ADMIN. Root has all three. Before Linux 5.8 only CAP_SYS_ADMIN "
     "counts.\n\n"
     "  sudo bpfld run x.bpf.o\n"
     "  sudo setcap cap_bpf,cap_perfmon,cap_net_admin+ep \"$(command -v bpfld)\"\n\n"
     "In a container the capabilities must be given to the container, and a seccomp filter must "
     "let "
     "bpf(2) and perf_event_open(2) pass. What your process has:\n\n"
     "  grep Cap /proc/self/status\n\n"
     "In a user namespace capabilities count for what the namespace owns, and programs belong to "
     "the machine. Since Linux 6.9 the machine's root can delegate them: a BPF file system that is "
     "opened in the namespace and given the options delegate_cmds, delegate_maps, delegate_progs "
     "and delegate_attachs gives a token, which bpfld takes when it is refused without:\n\n"
     "  bpfld run --token DIR x.bpf.o      (default: /sys/fs/bpf)\n\n"
     "A token lets programs load. What they are attached to may ask for more: perf events and "
     "tracefs, for example, know nothing of tokens."},
    {"E02", "the kernel refused a program before looking at it",
     "bpf(BPF_PROG_LOAD) gave EPERM, and the verifier's log is empty although the privilege is "
     "there. Other loaders suggest raising the memory limit; since Linux 5.11 that plays no "
     "role.\n\n"
     "Programs of the kinds fentry, fexit, fmod_ret, freplace and lsm are entered through a "
     "trampoline, code that the kernel writes while it runs. Some hosts, in particular virtualised "
     "and sandboxed ones, forbid that. On such a host tracepoint, raw_tp and tp_btf programs load "
     "as "
     "usual, and often there is an event near the function that you wanted to trace."},
    {"E03", "the kernel has no BTF",
     "Programs that were compiled with CO-RE relocations hold the names of kernel fields, and the "
     "loader looks up where these fields are in the running kernel. Where that is written is the "
     "kernel's BTF, /sys/kernel/btf/vmlinux. Kernels built without CONFIG_DEBUG_INFO_BTF, and "
     "those "
     "before 5.2, have none.\n\n"
     "  bpfld run --btf FILE x.bpf.o\n\n"
     "takes it from a file, which must be of exactly the kernel that runs. Objects without CO-RE "
     "relocations need no BTF of the kernel."},
    {"E04", "a field or type does not exist in this kernel",
     "The object uses a field, a type or an enumerator that the running kernel does not have: it "
     "was "
     "renamed, moved or removed, or came later. Such an instruction is replaced by a call that no "
     "verifier accepts, so that it does no harm where it is never reached; here it can be "
     "reached.\n\n"
     "  if (bpf_core_field_exists(task->__state))\n"
     "    state = BPF_CORE_READ(task, __state);\n\n"
     "guards it. The verifier follows only the branch that this kernel takes."},
    {"E05", "the verifier rejected a program",
     "The verifier follows every path through a program and stops at the first instruction that it "
     "cannot show to be safe. The error shows its sentence, that instruction, and the line of "
     "source "
     "it was compiled from.\n\n"
     "  bpfld run --verifier-log full x.bpf.o\n\n"
     "prints everything that it wrote: for each instruction what it knew about the registers. Read "
     "it from its end. The usual reasons are a pointer that was not compared with NULL, an index "
     "without a constant bound, and memory of the kernel read directly instead of through "
     "bpf_probe_read_kernel() or BPF_CORE_READ().\n\n"
     "A program without BTF (compiled without -g) is rejected without source lines."},
    {"E08", "unknown section name",
     "A program says what it is by the name of its section: "
     "SEC(\"tracepoint/sched/sched_switch\"). "
     "`bpfld list sec` shows all names. A name that starts with '?' marks a program that is left "
     "out "
     "unless --only asks for it."},
    {"E10", "the kernel refused to create a map",
     "bpf(BPF_MAP_CREATE) says EINVAL for anything that it does not like: a type or a flag that "
     "this "
     "kernel does not know, a key or value size that the type does not take, a ring buffer whose "
     "size "
     "is not a power of two of pages. The second line of the error shows what was asked for; "
     "bpfld fills in the sizes that user space usually chooses (ring buffers, stack traces, perf "
     "event arrays) and says so."},
    {"E12", "a map is too large",
     "Most maps get the memory for all of their elements when they are created: max_entries times "
     "the size of key and value, for per-CPU maps times the number of CPUs."},
    {"E13", "a kernel function was not found, or is not the only one",
     "SEC(\"kprobe/function\") names a function of the running kernel. It may have been renamed, "
     "inlined by the compiler, or changed by it (function.isra.0); names like it are shown. "
     "Several "
     "functions can have the same name, in different files: then one must be chosen by its "
     "address or its module.\n\n"
     "  bpfld run x.bpf.o --attach prog=kprobe:other_function\n"
     "  bpfld run x.bpf.o --attach prog=kprobe:0xffffffff81234567\n"
     "  bpfld list kprobe:'*unlinkat*'"},
    {"E15", "a tracepoint was not found",
     "SEC(\"tracepoint/category/event\") names a directory of tracefs:\n\n"
     "  /sys/kernel/tracing/events/category/event\n\n"
     "Events come and go with kernel versions, configurations and modules. If tracefs is not "
     "mounted, "
     "bpfld mounts it where only itself can see it, which needs CAP_SYS_ADMIN.\n\n"
     "When an object has other programs, one whose tracepoint does not exist is left out with a "
     "warning; --strict makes that an error."},
    {"E16", "the kernel has no kprobes",
     "Kernels without CONFIG_KPROBES, such as those of some virtual machines, cannot put probes on "
     "their functions. Tracepoints (tp, raw_tp, tp_btf) and probes of user space work without; "
     "often a tracepoint is near the function.\n\n"
     "  bpfld list 'tp:tcp:*'"},
    {"E17", "the limit for locked memory",
     "Before Linux 5.11 the memory of maps and programs was charged to RLIMIT_MEMLOCK, by default "
     "64 "
     "KiB or 8 MiB. bpfld raises the limit when, and only when, the kernel refuses for that "
     "reason; "
     "that needs CAP_SYS_RESOURCE. Newer kernels charge the memory cgroup, and the limit is "
     "meaningless to them."},
    {"E18", "lockdown withholds helpers",
     "With lockdown=confidentiality not even root may read kernel memory, so "
     "bpf_probe_read_kernel() "
     "and its relatives do not exist for programs. lockdown=integrity does not restrict "
     "reading.\n\n"
     "  cat /sys/kernel/security/lockdown"},
    {"E19", "the kernel does not know the type of a program",
     "The kernel refused a program before its verifier looked at it. It was built before that type "
     "of program existed, or without the part that has it, or it does not know one of the "
     "attributes that the object's section stands for.\n\n"
     "  bpfld feature prog               what this kernel loads, by asking it\n"
     "  bpfld list sec                   the type that each section name stands for"},
    {"E20", "the file is not an object that can be loaded",
     "bpfld reads what `clang -g -O2 -target bpf -c` writes: a 64-bit relocatable ELF file for the "
     "machine BPF, with maps in .maps. Everything in the file is checked before the kernel is "
     "asked "
     "for anything; the error names the section, the offset and the rule that is broken. The usual "
     "reason is a copy that was cut short.\n\n"
     "  llvm-readelf -S x.bpf.o"},
    {"E21", "the object is for the other byte order",
     "-target bpf compiles for the byte order of the machine that compiles; bpfel and bpfeb choose "
     "one. The kernel only runs its own."},
    {"E22", "what a program attaches to does not exist",
     "fentry, fexit, fmod_ret, tp_btf, lsm and iter programs are bound to a function, a "
     "tracepoint, "
     "a hook or an iterator when they are loaded: the verifier checks their arguments against its "
     "prototype, which is in the BTF of the kernel or of a module. A function that the compiler "
     "inlined into its only caller has none, and one that it changed (name.isra.0, name.part.0) "
     "has "
     "none under its own name.\n\n"
     "  bpfld btf search 'do_unlink*'           what this kernel has\n"
     "  SEC(\"fentry/ext4:ext4_file_open\")      in that module only\n\n"
     "With --target, fentry, fexit and freplace programs are about a function of another BPF "
     "program instead; freplace always is. That program must have been loaded with BTF (-g), be "
     "compiled by the kernel's JIT, and have the function: a global one (not static) to be "
     "replaced.\n\n"
     "  bpfld run --target watch=on_packet x.bpf.o      a program of the same object\n"
     "  bpfld run --target watch=id:7:parse x.bpf.o     function parse of program 7\n\n"
     "The other programs of the object are loaded; --strict makes one that is missing fatal."},
    {"E23", "events were lost",
     "Each CPU writes events into a buffer, and bpfld reads it. When events come faster than they "
     "are read, the buffer gets full and the kernel drops new ones.\n\n"
     "For perf event arrays the kernel counts them, and the number is exact (since 6.0, and on "
     "many "
     "older kernels) or a lower bound. For ring buffers nobody counts: the program is told, and "
     "goes "
     "on. What can be seen is that the buffer was full.\n\n"
     "  bpfld run --buffer 4M x.bpf.o           a larger buffer for each CPU\n"
     "  bpfld run -o json x.bpf.o > file        files are faster than terminals\n\n"
     "Best is to send fewer events: filter in the program. --fail-on-lost makes the exit status "
     "8."},
    {"E24", "the kernel does not know a helper",
     "Helpers are the functions of the kernel that programs call by number; each release added "
     "some, up to 211 of them. A program that calls one which its kernel does not have is refused "
     "when the verifier comes to the call. Where the compiler can see that the call is never "
     "reached (a `const volatile` variable that is 0, or bpf_core_enum_value_exists() of enum "
     "bpf_func_id) the verifier does not look at it.\n\n"
     "  bpfld feature helper             what each type of program may call here\n"
     "  bpfld list -v helper:strncmp     since when there is one"},
    {"E25", "the kernel does not have what a program asks it for by name",
     "`extern ... __ksym` is a function or a variable of the kernel, `extern ... __kconfig` the "
     "value "
     "of an option that it was built with. What is not there, or is there with another type, "
     "concerns "
     "the programs that use it; the others are loaded.\n\n"
     "  extern int CONFIG_HZ __kconfig __weak;               0 where it is not set\n"
     "  extern void bpf_rcu_read_lock(void) __ksym __weak;\n"
     "  if (bpf_rcu_read_lock) bpf_rcu_read_lock();          never reached where it is missing\n\n"
     "Options are looked up in /boot/config-RELEASE, else in /proc/config.gz; functions and typed "
     "variables in the BTF of the kernel and of its modules; other symbols in /proc/kallsyms, "
     "which "
     "shows addresses only to root."},
    {"E26", "--set does not fit the variable",
     "--set NAME=VALUE gives a global variable of .data, .rodata or .bss its value before the "
     "object "
     "is loaded. Its type, from BTF, decides what is accepted: integers (decimal, 0x..., "
     "negative), "
     "bool (true, false, 0, 1), enumerators by name, char arrays as text. @self is the process id "
     "of "
     "bpfld.\n\n"
     "  bpfld run --set filter_uid=1000 --set ignore_failed=true execsnoop.bpf.o"},
    {"E27", "a cgroup program needs a cgroup2 directory",
     "Programs of cgroups (SEC(\"cgroup/...\"), \"cgroup_skb/...\", \"sockops\") go to a directory "
     "of "
     "the cgroup2 hierarchy and are called for the processes below it. Without --cgroup that is "
     "the "
     "root of the hierarchy, which is everybody.\n\n"
     "  grep cgroup2 /proc/self/mountinfo        where it is mounted\n"
     "  bpfld run --cgroup /sys/fs/cgroup/user.slice x.bpf.o\n\n"
     "Where version 1 is mounted at /sys/fs/cgroup, version 2 is often at /sys/fs/cgroup/unified. "
     "Directories of version 1 take no programs."},
    {"E28", "two objects have different maps of one name",
     "With several objects, a map that an earlier one has by the same name is not made again: both "
     "use the first, which is how they pass data to each other. That takes the same type, the same "
     "sizes of keys and values, the same flags and the same number of elements (or none given).\n\n"
     "  bpfld run a.bpf.o b.bpf.o                 one map `events`\n"
     "  bpfld run --no-share a.bpf.o b.bpf.o      two\n\n"
     "Variables (.bss, .data, .rodata) are each object's own in any case."},
    {"E29", "the object has lost its CO-RE relocations",
     "CO-RE relocations say which instructions hold the offset of a kernel's field. They are in "
     "the section .BTF.ext. An object without them loads all the same, and reads each field where "
     "the kernel headers had it that the object was compiled with: on another kernel that may be "
     "another field.\n\n"
     "That they are lost is seen from .BTF: it has types that no function and no variable leads "
     "to, and a compiler writes such a type only because a relocation asks about it. Where only "
     ".BTF.ext is missing, it cannot be known whether it held any.\n\n"
     "  llvm-strip -g x.bpf.o            keeps .BTF and .BTF.ext, drops DWARF\n"
     "  clang -g -O2 -target bpf ...     makes both; without -g neither\n\n"
     "Objects that were compiled for the running kernel work without relocations."},
};

static_assert(std::ranges::is_sorted(kPages, {}, &ErrorPage::id));

}  // namespace

std::span<const ErrorPage> error_pages() {
  return kPages;
}

const ErrorPage* find_error_page(std::string_view id) {
  if (id.size() != 3 || (id[0] != 'E' && id[0] != 'e')) return nullptr;
  for (const ErrorPage& page : kPages)
    if (page.id.substr(1) == id.substr(1)) return &page;
  return nullptr;
}

std::string to_text(const ErrorPage& page) {
  return format("{}: {}\n\n{}\n", page.id, page.title, wrap(page.text, 0));
}

std::string list_error_pages() {
  std::vector<std::vector<std::string>> rows;
  for (const ErrorPage& page : kPages)
    rows.push_back({std::string(page.id), std::string(page.title)});
  return align(rows, 2);
}

}  // namespace bpfld::cli
