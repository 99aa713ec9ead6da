// SPDX-License-Identifier: Apache-2.0
// The table, and the conditions that its rows may have beyond phase, errno and message; see
// hint_rows.h.
#include "cli/hint_rows.h"

#include <algorithm>
#include <cerrno>

#include "bpf/tables.h"
#include "loader/capture.h"
#include "loader/link.h"
#include "loader/perf_events.h"
#include "loader/program_target.h"

namespace bpfld::cli {
namespace {

using loader::AttachMethod;

// ---- predicates ----

bool lacks_privilege(const Situation& s) {
  return s.facts.cannot_load();
}

bool lacks_perfmon(const Situation& s) {
  return !s.facts.may_have(Capability::perfmon) && !s.facts.may_have(Capability::sys_admin);
}

bool in_user_namespace(const Situation& s) {
  return s.facts.user_namespace;
}

// The kernel enters these programs through a trampoline: code it writes at run time.
bool needs_trampoline(const Situation& s) {
  if (s.program == nullptr || s.program->row == nullptr || !s.error.detail.empty()) return false;
  const std::string_view name = s.program->row->name;
  if (name.starts_with("tp_btf") || name.starts_with("iter")) return false;
  const AttachMethod method = s.program->row->method;
  return method == AttachMethod::tracing || method == AttachMethod::tracing_multi ||
         method == AttachMethod::freplace ||
         s.program->row->attach_type == bpf::AttachType::lsm_cgroup;
}

bool is_of(const Situation& s, AttachMethod method) {
  return s.program != nullptr && s.program->row != nullptr && s.program->row->method == method;
}

bool is_netns(const Situation& s) {
  return is_of(s, AttachMethod::netns);
}

bool is_netkit(const Situation& s) {
  return is_of(s, AttachMethod::network_device) && s.program->row->name.starts_with("netkit");
}

bool is_xdp(const Situation& s) {
  return is_of(s, AttachMethod::network_device) && s.program->row->type == bpf::ProgType::xdp;
}

// Maps were charged to RLIMIT_MEMLOCK before 5.11.
bool memlock_counts(const Situation& s) {
  constexpr u32 kMemcgAccounting = 5u << 16 | 11u << 8;
  return s.facts.memlock && loader::kernel_version_code(s.facts.kernel, "", "") < kMemcgAccounting;
}

const loader::MapSpec* map_in(const Situation& s) {
  return s.spec == nullptr ? nullptr : map_of(s.error, *s.spec);
}

// By its release; a distribution may have brought the type to an older one.
bool map_type_came_later(const Situation& s) {
  const loader::MapSpec* map = map_in(s);
  if (map == nullptr || bpf::since(map->type).empty()) return false;
  return loader::kernel_version_code(s.facts.kernel, "", "") <
         loader::kernel_version_code(bpf::since(map->type), "", "");
}

bool map_values_have_no_size(const Situation& s) {
  const loader::MapSpec* map = map_in(s);
  return map != nullptr && map->value_size == 0 && map->type != bpf::MapType::ringbuf &&
         map->type != bpf::MapType::user_ringbuf && map->type != bpf::MapType::arena;
}

bool map_has_no_inner(const Situation& s) {
  const loader::MapSpec* map = map_in(s);
  return map != nullptr && map->inner.empty() &&
         (map->type == bpf::MapType::array_of_maps || map->type == bpf::MapType::hash_of_maps);
}

bool is_confidential(const Situation& s) {
  return s.facts.lockdown == "confidentiality";
}

bool has_log(const Situation& s) {
  return !s.error.detail.empty();
}

// The kernel did not even begin to verify it, which its type may explain.
bool is_not_looked_at(const Situation& s) {
  return !has_log(s) && s.program != nullptr && s.program->row != nullptr &&
         !bpf::since(s.program->row->type).empty();
}

bool is_tracepoint(const Situation& s) {
  return is_of(s, AttachMethod::tracepoint);
}

// One of its events is the processor's.
bool samples_hardware(const Situation& s) {
  return s.program != nullptr &&
         std::ranges::any_of(s.program->places, [](const loader::AttachTarget& target) {
           return target.method == loader::AttachMethod::perf_event &&
                  loader::is_hardware_event(target.place);
         });
}
bool lacks_counters(const Situation& s) {
  return samples_hardware(s) && !s.facts.hardware_counters;
}

bool is_of_a_file(const Situation& s) {
  return s.program != nullptr && !s.program->target_program;
}

bool is_iterator(const Situation& s) {
  return is_of(s, AttachMethod::iterator);
}

bool is_kprobe_multi(const Situation& s) {
  return is_of(s, AttachMethod::kprobe_multi);
}

bool is_tracing_multi(const Situation& s) {
  return is_of(s, AttachMethod::tracing_multi);
}

bool is_cgroup(const Situation& s) {
  return is_of(s, AttachMethod::cgroup);
}

bool tracefs_is_missing(const Situation& s) {
  return !s.facts.tracefs_mounted;
}

// The verifier knows the variable's type, and asks kallsyms for its address.
bool lacks_variable_address(const Situation& s) {
  return s.error.detail.find("failed to find the address for kernel symbol") != std::string::npos;
}

bool names_loaded_program(const Situation& s) {
  return s.program != nullptr && s.program->target_program && !s.program->target_program->own;
}

bool names_own_function(const Situation& s) {
  return owner_of_function(s) != nullptr;
}

constexpr std::optional<Code> kAny = std::nullopt;
// What a kernel lacks is found out by looking, and told again by what relies on it.
constexpr Phases kBeforeLoad = {Phase::capture, Phase::link};

constexpr std::string_view kNeedsRoot =
    "this needs root, or CAP_BPF and CAP_PERFMON (running as uid {uid}, which has neither)";
constexpr std::string_view kBecomeRoot =
    "sudo bpfld ...\n"
    "or, once: sudo setcap cap_bpf,cap_perfmon,cap_net_admin+ep \"$(command -v bpfld)\"";
constexpr std::string_view kTryTracepoints =
    "the tracepoint, raw_tp or tp_btf variant of the program, or a kernel without that policy";
constexpr std::string_view kDamaged = "the file was cut short or changed after it was compiled";

// clang-format off
constexpr HintRow kRows[] = {
    // id    phase            code               errno      says                       when               exit             what, why, hint
    {"E26",  Phase::set,      kAny,              kAnyErrno, "object's BTF",            nullptr,           Exit::usage,
     "", "the types of variables are in the BTF", "compile the object with -g"},
    {"E26",  Phase::set,      kAny,              kAnyErrno, "",                        nullptr,           Exit::usage,
     "", "", ""},
    {"",     Phase::usage,    kAny,              kAnyErrno, "loaded when it is named", nullptr,           Exit::usage,
     "", "", "--only NAME, or --only '*' for all"},
    {"",     Phase::usage,    kAny,              kAnyErrno, "is not among those that are loaded", nullptr, Exit::usage,
     "", "", "--only NAME loads it, also when its SEC() starts with '?'"},
    {"",     Phase::usage,    kAny,              kAnyErrno, "the type of the events is not known", nullptr, Exit::usage,
     "", "nothing in the object says it", "--event MAP=STRUCT"},
    {"",     Phase::usage,    kAny,              kAnyErrno, "",                        nullptr,           Exit::usage,
     "", "", ""},

    {"",     Phase::open,     Code::not_found,   kAnyErrno, "",                        nullptr,           Exit::internal,
     "", "", ""},
    {"",     Phase::open,     Code::denied,      kAnyErrno, "",                        nullptr,           Exit::permission,
     "", "", ""},
    {"E20",  Phase::open,     Code::malformed,   kAnyErrno, "not a regular file",      nullptr,           Exit::bad_object,
     "", "an object is read whole, from a file that does not change meanwhile", "give the path of a .bpf.o file"},
    {"E20",  Phase::open,     Code::limit,       kAnyErrno, "",                        nullptr,           Exit::bad_object,
     "", "the largest known objects have 2 MB", "llvm-strip -g removes debug information; BTF stays"},

    {"E25",  Phase::parse,    Code::unsupported, kAnyErrno, "must be linked in first", nullptr,           Exit::bad_object,
     "cannot load {object}: {message}", "", "`bpftool gen object WHOLE.bpf.o A.bpf.o B.bpf.o` links objects"},
    {"E20",  Phase::parse,    kAny,              kAnyErrno, "bitcode",                 nullptr,           Exit::bad_object,
     "{object}: {message}", "it stops one step before machine code", "llc -march=bpf -filetype=obj, or clang without -emit-llvm and -flto"},
    {"E20",  Phase::parse,    kAny,              kAnyErrno, "not ELF",                 nullptr,           Exit::bad_object,
     "{object} is {message}", "", "clang -g -O2 -target bpf -c prog.bpf.c -o prog.bpf.o makes an object"},
    {"E21",  Phase::parse,    Code::unsupported, kAnyErrno, "-endian",                 nullptr,           Exit::bad_object,
     "{object} is {message}", "", "compile it with -target bpf, which means this machine's byte order (bpfel: little, bpfeb: big)"},
    {"E20",  Phase::parse,    Code::unsupported, kAnyErrno, "machine is",              nullptr,           Exit::bad_object,
     "{object} is no BPF object: {message}", "it was compiled for a processor, not for the kernel's virtual machine", "clang -target bpf"},
    {"E20",  Phase::parse,    Code::unsupported, kAnyErrno, "file type is",            nullptr,           Exit::bad_object,
     "{object} is no BPF object: {message}", "", "clang -target bpf -c; do not link it"},
    {"E20",  Phase::parse,    Code::unsupported, kAnyErrno, "section [",               nullptr,           Exit::bad_object,
     "cannot load {object}: {message}", "", ""},
    {"E20",  Phase::parse,    Code::malformed,   kAnyErrno, "",                        nullptr,           Exit::bad_object,
     "{object} is malformed: {message}", kDamaged, "compile or copy it again"},
    {"E20",  Phase::parse,    kAny,              kAnyErrno, "",                        nullptr,           Exit::bad_object,
     "cannot load {object}: {message}", "", ""},
    {"E08",  Phase::link,     Code::unsupported, kAnyErrno, "unknown section",         nullptr,           Exit::bad_object,
     "", "the name of its section tells what a program is", "`bpfld list sec` shows all names; SEC(\"?...\") is left out on purpose"},

    {"",     Phase::link,     Code::not_found,   kAnyErrno, "BPF implements it, does not exist", nullptr,           Exit::kernel,
     "", "what offers the struct is not built into this kernel ({kernel}), or it came with a later one", "`bpfld btf search 'bpf_struct_ops_*'{btf}`: the structs that a kernel offers"},
    {"",     Phase::link,     Code::not_found,   kAnyErrno, "no such member",          nullptr,           Exit::kernel,
     "", "the struct of this kernel ({kernel}) is an older or a newer one", "leave the member 0; a callback whose program is in SEC(\"?struct_ops/...\") is left out where there is no place for it"},
    {"",     Phase::attach,   kAny,              EEXIST,    "map \"",                  nullptr,           Exit::attach,
     "", "the kernel has something of that name already; what a .struct_ops map registered stays when its loader is killed",
     "another `.name`; SEC(\".struct_ops.link\") ends with its loader"},
    {"",     Phase::attach,   kAny,              EINVAL,    "map \"",                  nullptr,           Exit::attach,
     "", "the part of the kernel that offers the struct refused it: a callback that it requires is missing, or a member is set that BPF may not set", ""},

    {"E03",  Phase::link,     Code::not_found,   kAnyErrno, "need the kernel's BTF",   nullptr,           Exit::kernel,
     "", "CONFIG_DEBUG_INFO_BTF is off in this kernel ({kernel}), or it is older than 5.2", "--btf FILE with the BTF of exactly this kernel"},

    {"E16",  Phase::capture,  kAny,              kAnyErrno, "this kernel has no kprobes", nullptr,        Exit::kernel,
     "", "CONFIG_KPROBES is off in this kernel ({kernel})", "`bpfld list tp` shows its tracepoints"},
    {"",     Phase::capture,  Code::usage,       kAnyErrno, "",                        nullptr,           Exit::usage,
     "", "", ""},
    {"E15",  Phase::capture,  Code::denied,      kAnyErrno, "tracefs",                 tracefs_is_missing, Exit::permission,
     "", "the number of a tracepoint is in tracefs, which is not mounted, and mounting it privately was refused", "mount -t tracefs nodev /sys/kernel/tracing"},
    {"E15",  Phase::capture,  Code::denied,      kAnyErrno, "",                        nullptr,           Exit::permission,
     "", "the number of a tracepoint is in tracefs, which only root may read", "sudo bpfld ..."},
    {"E15",  Phase::capture,  kAny,              kAnyErrno, "tracefs is not mounted",  nullptr,           Exit::kernel,
     "", "the number of a tracepoint is in tracefs", "mount -t tracefs nodev /sys/kernel/tracing"},
    {"E15",  Phase::capture,  kAny,              kAnyErrno, "tracepoint",              nullptr,           Exit::kernel,
     "", "", "ls /sys/kernel/tracing/events: what this kernel ({kernel}) has; other kernels have other events"},

    {"E03",  Phase::capture,  Code::not_found,   kAnyErrno, "need the kernel's BTF",   nullptr,           Exit::kernel,
     "", "CONFIG_DEBUG_INFO_BTF is off in this kernel ({kernel}), or it is older than 5.2", "kprobe, tracepoint and raw_tp programs without CO-RE need no BTF"},
    {"E25",  kBeforeLoad,     Code::denied,      kAnyErrno, "shows no addresses",      nullptr,           Exit::permission,
     "", "kernel.kptr_restrict, or a missing CAP_SYSLOG, hides them", "sudo bpfld ..., or sysctl kernel.kptr_restrict=1 with CAP_SYSLOG"},
    {"E25",  kBeforeLoad,     kAny,              kAnyErrno, "the option is not set",   nullptr,           Exit::kernel,
     "", "the program was written for a kernel that is configured with it", "declare it __weak: then it is 0 where it is not set"},
    {"E25",  kBeforeLoad,     kAny,              kAnyErrno, "is a Kconfig option, and", nullptr,          Exit::kernel,
     "", "a distribution installs /boot/config-{kernel}; /proc/config.gz is there with CONFIG_IKCONFIG_PROC", "modprobe configs, or declare it __weak: then it is 0"},
    {"E25",  kBeforeLoad,     kAny,              kAnyErrno, "this kernel has no such symbol", nullptr,    Exit::kernel,
     "", "a kernel that was built without CONFIG_KALLSYMS_ALL tells where its functions are, but not where its variables are", "declare it __weak: then it is 0 where there is none"},
    {"E25",  kBeforeLoad,     kAny,              kAnyErrno, "must be linked in first", nullptr,           Exit::bad_object,
     "", "", "`bpftool gen object WHOLE.bpf.o A.bpf.o B.bpf.o` links objects"},
    {"E25",  kBeforeLoad,     kAny,              kAnyErrno, "(a kfunc) does not exist in", nullptr,      Exit::kernel,
     "", "what has the function is not built into this kernel ({kernel}), is a module that is not loaded, or came with a later one", "`bpfld btf search NAME{btf}` looks in this kernel's BTF; __weak lets the program ask whether it is there"},
    {"E25",  kBeforeLoad,     kAny,              kAnyErrno, "extern \"",                nullptr,           Exit::kernel,
     "", "", "`bpfld btf search NAME{btf}` looks in this kernel's ({kernel}) BTF; __weak lets the program ask whether it is there"},
    {"E22",  kBeforeLoad,     Code::not_found,   kAnyErrno, "does not exist in",       names_own_function, Exit::kernel,
     "", "it is a function of {owner} in this object: BPF programs are no functions of the kernel", "--target {name}={owner}"},
    {"E22",  kBeforeLoad,     Code::unsupported, kAnyErrno, "of another program, and none was given", nullptr, Exit::kernel,
     "", "freplace takes the place of a function of a program that is loaded, which the object does not name", "--target {name}=PROGRAM, of this object; or {name}=id:N (`bpfld prog`), or {name}=/PINNED"},
    {"E22",  kBeforeLoad,     Code::unsupported, kAnyErrno, "which must be known when the program is loaded", nullptr, Exit::kernel,
     "", "the kernel checks such a program against the types of what it looks at", "--attach {name}=NAME, of this kernel; or --target {name}=PROGRAM:FUNCTION, of a BPF program; or all of it in the object: SEC(\"{section}/NAME\")"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "has no function \"",       is_of_a_file,      Exit::kernel,
     "", "", "`bpfld list uprobe:FILE:GLOB` shows the functions of a program or library; what was inlined or stripped is not among them"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "has no function \"",       nullptr,           Exit::kernel,
     "", "", "--target {name}=PROGRAM:FUNCTION says which function of that program"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "which function of",       nullptr,           Exit::kernel,
     "", "", "--target {name}=PROGRAM:FUNCTION"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "was loaded without BTF",  nullptr,           Exit::kernel,
     "", "", "compile it with -g and leave .BTF and .BTF.ext in the object (llvm-strip -g does)"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "is interpreted, and",     nullptr,           Exit::kernel,
     "", "", "sysctl net.core.bpf_jit_enable=1, and load it again"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "only global functions can be replaced", nullptr, Exit::kernel,
     "", "", "leave out `static`, and add __noinline"},
    {"E22",  kBeforeLoad,     kAny,              kAnyErrno, "target ",                 names_loaded_program, Exit::kernel,
     "", "", "`bpfld prog` shows the programs that are loaded"},
    {"E22",  kBeforeLoad,     Code::not_found,   kAnyErrno, "is to be found in module", nullptr,          Exit::kernel,
     "", "", "modprobe loads it; /sys/kernel/btf holds those that can be looked into"},
    {"E22",  kBeforeLoad,     Code::not_found,   kAnyErrno, "does not exist in",       nullptr,           Exit::kernel,
     "", "", "`bpfld btf search NAME{btf}` looks in this kernel's ({kernel}) BTF; other kernels have other functions, and what the compiler inlined is in none"},

    {"E01",  Phase::load,     Code::denied,      kAnyErrno, "",                        lacks_privilege,   Exit::permission,
     kNeedsRoot, "", kBecomeRoot},
    {"E01",  Phase::attach,   Code::denied,      kAnyErrno, "",                        lacks_privilege,   Exit::permission,
     kNeedsRoot, "", kBecomeRoot},
    {"E01",  Phase::read,     Code::denied,      kAnyErrno, "",                        lacks_perfmon,     Exit::permission,
     "{message}", "reading events needs CAP_PERFMON, which uid {uid} here does not have", kBecomeRoot},
    {"E13",  Phase::attach,   kAny,              kAnyErrno, "does not exist here",     nullptr,           Exit::attach,
     "", "functions come and go with kernel versions ({kernel}), and the compiler inlines some", "--attach PROGRAM=kprobe:FUNCTION; `bpfld list kprobe:GLOB` shows what there is"},
    {"E13",  Phase::attach,   kAny,              kAnyErrno, "kernel functions are called", nullptr,       Exit::attach,
     "", "a static function may exist in several files", "--attach PROGRAM=kprobe:0xADDRESS, or kprobe:MODULE:FUNCTION"},
    {"",     Phase::attach,   kAny,              kAnyErrno, "perf_event_open",         lacks_counters,    Exit::attach,
     "{message}: there are no hardware counters here", "the event is counted by the processor, and this kernel has no PMU for it (no `cpu` in /sys/bus/event_source/devices): most virtual machines have none",
     "--attach {name}=perf:cpu-clock@99, a timer on each CPU; `bpfld list perf` shows what can be sampled here"},
    {"",     Phase::attach,   kAny,              ENOENT,    "perf_event_open",         samples_hardware,  Exit::attach,
     "{message}: this processor does not count the event", "", "`bpfld list perf` shows what can be sampled here; perf:cpu-clock@99 can everywhere"},
    {"",     Phase::attach,   kAny,              EOPNOTSUPP, "perf_event_open",        samples_hardware,  Exit::attach,
     "{message}: the counter cannot interrupt, so it counts but takes no samples", "", "--attach {name}=perf:cpu-clock@99, a timer on each CPU"},
    {"",     Phase::attach,   kAny,              EOPNOTSUPP, "",                       is_kprobe_multi,   Exit::attach,
     "", "links to many kernel functions need CONFIG_FPROBE, which is off in this kernel ({kernel})", "kprobe and kretprobe programs work without"},
    {"E27",  Phase::capture,  kAny,              kAnyErrno, "cgroup2",                 is_cgroup,         Exit::kernel,
     "", "a cgroup program goes to a directory of the cgroup2 hierarchy; beside version 1 that is a mount of its own", "--cgroup /sys/fs/cgroup/unified\nor: mount -t cgroup2 none DIR"},
    {"",     Phase::capture,  Code::not_found,   kAnyErrno, "there is no interface",   nullptr,           Exit::kernel,
     "", "interfaces are looked up in the network namespace that bpfld runs in", "`ip link` shows them; for another namespace: ip netns exec NAME bpfld run ..."},
    {"",     Phase::attach,   kAny,              EBUSY,     "is attached there",       nullptr,           Exit::attach,
     "", "an interface has one XDP program, and a link is not replaced", "end the program that loaded it, or another interface"},
    {"",     Phase::attach,   kAny,              EINVAL,    "BPF_LINK_CREATE",         is_tracing_multi,  Exit::attach,
     "", "the kernel takes all functions or none: one of them cannot be traced, or they are too many", "a narrower pattern"},
    {"",     Phase::attach,   kAny,              EINVAL,    "BPF_LINK_CREATE",         is_iterator,       Exit::attach,
     "", "this kernel ({kernel}) does not know the option or the order, or the map is of a type that the iterator does not walk", ""},
    {"",     Phase::attach,   kAny,              ENOENT,    "BPF_LINK_CREATE",         is_iterator,       Exit::attach,
     "", "the kernel has no cgroup of that id", "path=DIRECTORY says it by name"},
    {"",     Phase::attach,   kAny,              EEXIST,    "RTM_NEWROUTE",            nullptr,           Exit::attach,
     "", "there is a route to that prefix, and bpfld changes none that it did not make", "another prefix, or `ip route del` first"},
    {"",     Phase::attach,   kAny,              ENOENT,    "qdisc kind is unknown",   nullptr,           Exit::kernel,
     "", "this kernel ({kernel}) has no TCX links, and its clsact qdisc is in a module that is not loaded", "modprobe sch_ingress"},
    {"",     Phase::attach,   kAny,              ENOENT,    "RTM_NEWTFILTER",          nullptr,           Exit::kernel,
     "", "filters with programs are in a module that is not loaded", "modprobe cls_bpf"},
    {"",     Phase::attach,   kAny,              EPERM,     "",                        is_cgroup,         Exit::attach,
     "", "the privilege is there, so a program that is attached to this cgroup or one above it shares with nobody", "`bpftool cgroup tree` shows what is attached where; --cgroup DIR for another"},
    {"",     Phase::attach,   kAny,              EOPNOTSUPP, "RTM_NEWROUTE",           nullptr,           Exit::kernel,
     "", "this kernel ({kernel}) was built without programs in routes (CONFIG_LWTUNNEL_BPF, CONFIG_IPV6_SEG6_BPF)", ""},
    {"",     Phase::attach,   kAny,              EACCES,    "",                        is_tracepoint,     Exit::attach,
     "{program} reads more than this tracepoint passes: {message}", "its context is larger than the event's record",
     "{section} has a file `format` in /sys/kernel/tracing/events: the fields, their offsets and sizes"},
    {"",     Phase::attach,   kAny,              EINVAL,    "BPF_LINK_CREATE",         is_netns,          Exit::attach,
     "the place is no network namespace, or has such a program already: {message}", "", "a name of `ip netns`, or a file such as /proc/PID/ns/net"},
    {"",     Phase::attach,   kAny,              EINVAL,    "BPF_LINK_CREATE",         is_netkit,         Exit::attach,
     "the interface is no primary one of a netkit pair: {message}", "", "ip link add nk0 type netkit peer name nk1; programs of both ends are attached to nk0"},
    {"",     Phase::attach,   kAny,              EOPNOTSUPP, "BPF_LINK_CREATE",        is_xdp,            Exit::attach,
     "the interface's driver has no XDP of that mode: {message}", "", "--xdp-mode generic, which every interface has"},
    {"E25",  Phase::load,     kAny,              ENOENT,    "BPF_PROG_LOAD",           lacks_variable_address, Exit::kernel,
     "", "{program} uses a variable of the kernel, and this kernel ({kernel}) was built without CONFIG_KALLSYMS_ALL: it does not know where its variables are", ""},
    {"E18",  Phase::load,     Code::rejected,    kAnyErrno, "",                        is_confidential,   Exit::verifier,
     "", "lockdown is in confidentiality mode: helpers that read kernel memory are withheld", "boot without lockdown=confidentiality; integrity mode allows reading"},
    {"E05",  Phase::load,     Code::rejected,    kAnyErrno, "",                        nullptr,           Exit::verifier,
     "", "", ""},
    {"",     Phase::load,     kAny,              ENOENT,    "BPF_TOKEN_CREATE",        nullptr,           Exit::permission,
     "the BPF file system delegates nothing: {message}", "", "mount it with the options delegate_cmds, delegate_maps, delegate_progs and delegate_attachs"},
    {"",     Phase::load,     kAny,              EOPNOTSUPP, "BPF_TOKEN_CREATE",       nullptr,           Exit::usage,
     "a token is for a user namespace, and this is the machine's own: {message}", "", "without --token"},
    {"",     Phase::load,     kAny,              EPERM,     "BPF_TOKEN_CREATE",        nullptr,           Exit::permission,
     "", "the BPF file system was mounted for another user namespace, or CAP_BPF is missing in this one", ""},
    {"",     Phase::load,     kAny,              EINVAL,    "BPF_TOKEN_CREATE",        nullptr,           Exit::kernel,
     "", "the folder is not the root of a BPF file system, or this kernel ({kernel}) has no tokens: they came with 6.9", ""},
    {"E01",  Phase::load,     Code::denied,      EPERM,     "",                        in_user_namespace, Exit::permission,
     "", "the privileges are those of a user namespace: for programs and maps they count only where a BPF file system delegates rights to it (kernel 6.9 and later)",
     "as root of the machine; or with a BPF file system that was mounted with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs: at /sys/fs/bpf, or --token DIR"},
    {"E02",  Phase::load,     Code::denied,      EPERM,     "BPF_PROG_LOAD",           needs_trampoline,  Exit::permission,
     "refused before the verifier looked at it: {message}",
     "a policy on this machine forbids programs that run through code which the kernel writes: fentry, fexit, fmod_ret, freplace, lsm\n"
     "the privilege is there, the verifier said nothing, and the memory limit is not the reason\nlockdown: {lockdown}; security modules: {lsm}",
     kTryTracepoints},
    {"E17",  Phase::load,     Code::denied,      EPERM,     "",                        memlock_counts,    Exit::permission,
     "", "kernels before 5.11 charge maps and programs to RLIMIT_MEMLOCK, which is {memlock} bytes and cannot be raised here", "ulimit -l unlimited, as root; or smaller maps"},
    {"",     Phase::load,     Code::unsupported, kAnyErrno, "not on a BPF file system", nullptr,          Exit::usage,
     "", "only a BPF file system can hold pins", "mount -t bpf bpffs /sys/fs/bpf, and a path below it"},
    {"",     Phase::link,     Code::unsupported, kAnyErrno, "the pinned map",          nullptr,           Exit::kernel,
     "", "a pinned map is used as it is, so it must be like the one that the object asks for", "another path; or remove the pin; or --map MAP.max_entries=N and the like, as it is"},
    {"",     Phase::load,     kAny,              EEXIST,    "renameat2",               nullptr,           Exit::usage,
     "", "a set of pins appears as a whole, so its folder must not be there yet", "--replace, which exchanges it for the new one; or another folder"},
    {"E10",  Phase::link,     Code::malformed,   kAnyErrno, " given",                  nullptr,           Exit::kernel,
     "", "the object leaves this size to the one who loads it, and --strict chooses none", "--map MAP.max_entries=N, or without --strict"},
    {"E12",  Phase::load,     kAny,              ENOMEM,    "BPF_MAP_CREATE",          nullptr,           Exit::kernel,
     "", "the kernel has not that much memory for the map's elements: {size}", "--map {map}.max_entries=65536, or another smaller number"},
    {"E12",  Phase::load,     kAny,              E2BIG,     "BPF_MAP_CREATE",          nullptr,           Exit::kernel,
     "", "it has more elements than a map of its type can have, or is larger in all than a map can be: {size}", "--map {map}.max_entries=65536, or another smaller number"},
    {"E10",  Phase::load,     kAny,              EINVAL,    "BPF_MAP_CREATE",          map_type_came_later, Exit::kernel,
     "", "maps of type {maptype} came with v{mapsince}, and this kernel is {kernel}", "`bpfld feature map`: the types that this kernel has"},
    {"E10",  Phase::load,     kAny,              EINVAL,    "BPF_MAP_CREATE",          map_has_no_inner,  Exit::kernel,
     "", "a map of maps is made with one for an example, which the object leaves to its own user space", "in the object: __array(values, struct { ... }), with the type, sizes and max_entries of such a map"},
    {"E10",  Phase::load,     kAny,              EINVAL,    "BPF_MAP_CREATE",          map_values_have_no_size, Exit::kernel,
     "", "its values have no size: the object leaves it to its own user space", "--map {map}.value_size=N, and {map}.key_size=N if it has keys"},
    {"E10",  Phase::load,     kAny,              EINVAL,    "BPF_MAP_CREATE",          nullptr,           Exit::kernel,
     "", "this kernel ({kernel}) does not know the map's type or a flag, or the type does not take these sizes", ""},
    {"",     Phase::load,     Code::denied,      EPERM,     "",                        nullptr,           Exit::permission,
     "", "the privilege is there, so a policy refuses\nlockdown: {lockdown}; security modules: {lsm}", ""},
    {"",     Phase::load,     kAny,              ENOMEM,    "",                        nullptr,           Exit::internal,
     "", "the kernel is out of memory", ""},
    {"",     Phase::load,     kAny,              EMFILE,    "",                        nullptr,           Exit::internal,
     "", "every map, program and link takes a file descriptor", "ulimit -n 65536"},
    {"E19",  Phase::load,     kAny,              EINVAL,    "BPF_PROG_LOAD",           is_not_looked_at,  Exit::kernel,
     "", "the verifier said nothing, so this kernel ({kernel}) does not know the program's type or one of its attributes: {type} programs came with v{since}", "`bpfld feature prog`: the types that this kernel loads"},
    {"",     Phase::load,     kAny,              EINVAL,    "BPF_PROG_LOAD",           nullptr,           Exit::kernel,
     "", "the verifier said nothing, so this kernel ({kernel}) does not know the program's type or one of its attributes", ""},
    {"",     Phase::load,     kAny,              kAnyErrno, "BPF_PROG_LOAD",           has_log,           Exit::kernel,
     "", "", ""},
};
// clang-format on

}  // namespace

std::span<const HintRow> hint_rows() {
  return kRows;
}

const loader::ProgramSpec* owner_of_function(const Situation& s) {
  if (s.spec == nullptr || s.program == nullptr || s.program->row == nullptr ||
      !loader::takes_target_program(*s.program->row) || s.program->target.empty() ||
      s.program->row->attach_type == bpf::AttachType::modify_return)
    return nullptr;
  for (const loader::ProgramSpec& other : s.spec->programs) {
    // A program named like the kernel function that it is about itself.
    if (&other == s.program || other.target == s.program->target) continue;
    for (const u32 function : loader::reachable_functions(*s.spec, other.function))
      if (s.spec->functions[function].name == s.program->target) return &other;
  }
  return nullptr;
}

}  // namespace bpfld::cli
