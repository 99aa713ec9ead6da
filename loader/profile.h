// SPDX-License-Identifier: Apache-2.0
// Everything that a plan must know about a kernel, as data. needs() says which facts an object
// requires, the shell captures exactly those (capture.h), and everything pure takes them as an
// argument: the same object and the same profile give the same plan on every machine, and a test
// writes its own kernel.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "btf/core_resolve.h"
#include "btf/view.h"
#include "loader/kallsyms.h"
#include "loader/kernel_names.h"
#include "loader/probe_facts.h"
#include "loader/program_facts.h"
#include "loader/spec.h"

namespace bpfld::loader {

// What a kernel may lack that changes the plan. A row in features.cc each: the request whose
// refusal makes us ask, and the probe that answers.
enum class Feature : u8 {
  perf_link,  // BPF_LINK_CREATE on a perf event (v5.15); before: ioctl(PERF_EVENT_IOC_SET_BPF)
  memcg_accounting,  // maps are charged to the cgroup (v5.11); before: to RLIMIT_MEMLOCK
  btf_func,          // BTF_KIND_FUNC and FUNC_PROTO (v5.0)
  btf_func_global,   // FUNC with global linkage (v5.6)
  btf_datasec,       // BTF_KIND_VAR and DATASEC (v5.2)
  btf_float,         // BTF_KIND_FLOAT (v5.13)
  btf_decl_tag,      // BTF_KIND_DECL_TAG (v5.16)
  btf_type_tag,      // BTF_KIND_TYPE_TAG (v5.17)
  btf_enum64,        // BTF_KIND_ENUM64 and signed enums (v6.0)
  tracing_link,      // BPF_LINK_CREATE of fentry, tp_btf, lsm ... (v5.19)
  token,             // /sys/fs/bpf delegates rights to this user namespace (v6.9)
};
inline constexpr std::size_t kFeatureCount = 11;

// unknown: not asked. Plans take it for yes; for `token`, which few have, for no.
enum class Answer : u8 { unknown, yes, no };

// spec: what was found of a tracepoint in tracefs.
struct TracepointFact {
  std::optional<u64> id;
  std::vector<std::string>
      near;             // when it does not exist: names of its category, or categories, like it
  std::string problem;  // why the id could not be read ("tracefs is not mounted")
  int errno_value = 0;
  bool operator==(const TracepointFact&) const = default;
};

// spec: what was found of a network interface in the network namespace of this process.
struct InterfaceFact {
  u32 index = 0;                  // 0: there is none of that name
  std::vector<std::string> near;  // then: names like it
  std::string problem;
  int errno_value = 0;
  bool operator==(const InterfaceFact&) const = default;
};

// spec: what was found at a path; for cgroups: a directory of the cgroup2 hierarchy.
struct PathFact {
  std::string path;     // what to open
  std::string problem;  // why it cannot be; empty when it can
  int errno_value = 0;
  bool operator==(const PathFact&) const = default;
};

// spec: the facts that an object needs; the input of capture().
struct Needs {
  bool kernel_btf = false;
  bool possible_cpus = false;
  std::vector<std::string> tracepoints;  // "sched/sched_switch", unique
  std::vector<KernelName> names;         // to be found in BTF, unique
  std::vector<CoreRoot> core_roots;      // types that a module may have, unique
  std::vector<std::string> kconfig;      // "CONFIG_HZ", unique
  std::vector<std::string> symbols;      // whose addresses are wanted, unique
  std::vector<std::string> interfaces;   // "eth0", unique
  std::vector<std::string> cgroups;      // paths of directories, unique; empty: the cgroup2 mount
  std::vector<std::string> paths;        // files that an attachment opens, unique
  bool online_cpus = false;
  std::vector<std::string> pmus;            // "kprobe", unique
  std::vector<std::string> function_globs;  // of kernel functions, unique
  std::vector<BinaryPlace> binaries;        // unique
  std::vector<UsdtPlace> usdts;             // unique
  std::vector<std::string> programs;        // TargetProgram::loaded, unique
  std::vector<std::string> traced_globs;    // of functions that one program traces, unique
  bool operator==(const Needs&) const = default;
};

// spec: the captured facts. Only what Needs asked for is filled in.
struct KernelProfile {
  std::string release;   // uname -r
  u32 version_code = 0;  // KERNEL_VERSION(a, b, c), for old kernels' kprobes
  u32 page_size = 4096;
  u32 possible_cpus = 1;  // highest possible CPU number + 1
  std::map<std::string, TracepointFact> tracepoints;
  std::map<std::string, InterfaceFact> interfaces;
  std::map<std::string, PathFact> cgroups, paths;  // as in Needs
  std::string machine;                             // uname -m
  i32 process = 0;  // our own id, for names that must differ from others'
  std::vector<u32> online_cpus;
  std::map<std::string, PmuFact> pmus;
  std::map<std::string, FunctionsFact> functions;  // by pattern
  std::map<BinaryPlace, BinaryFact> binaries;
  std::map<UsdtPlace, UsdtFact> usdts;
  std::array<Answer, kFeatureCount> features{};

  // The kernel's BTF; empty when no object needs it. Shared, because it is one mapping per run.
  struct Btf {
    MappedFile file;
    btf::View view;
    std::string path;
    btf::core::Located located = {};  // the roots that CO-RE was to look for, Needs::core_roots
  };
  std::shared_ptr<const Btf> btf;
  std::string btf_problem;  // why there is none, when it was needed
  // Where names are looked up, because ids mean something only to the kernel that gave them: the
  // running kernel's, even when CO-RE is answered from a file. Usually the same as `btf`.
  std::shared_ptr<const Btf> own_btf;

  // BTF of the modules, which continues own_btf; null when nothing was looked for in modules.
  struct Module {
    std::string name;
    MappedFile file;
    btf::View view;
    u32 btf_id = 0;  // by which its fd is to be had; 0: unknown
  };
  struct Modules {
    std::shared_ptr<const Btf> base;
    std::vector<Module> list;  // by name
  };
  std::shared_ptr<const Modules> modules;
  std::string modules_problem;  // why they could not be looked at

  std::map<KernelName, KernelNameFact> names;

  // How the kernel was configured, as far as somebody asked.
  struct Kconfig {
    std::map<std::string, std::string> options;  // "CONFIG_HZ" -> "250"; no entry: not set
    std::string source;                          // the file that it is from; empty: none
    std::string problem;                         // why there is none
    bool operator==(const Kconfig&) const = default;
  };
  Kconfig kconfig;

  KernelSymbols symbols;        // those that were asked for
  std::string symbols_problem;  // why they could not be read

  std::map<std::string, ProgramFact> programs;  // as in Needs
  std::map<std::string, TracedFact> traced;     // by pattern

  Answer feature(Feature f) const { return features[static_cast<std::size_t>(f)]; }
  bool lacks(Feature f) const { return feature(f) == Answer::no; }
  bool has(Feature f) const { return feature(f) == Answer::yes; }
};

// Which programs of an object a load is about: indices into ObjectSpec::programs, ascending.
using Selection = std::vector<u32>;
Selection autoload_programs(const ObjectSpec& spec);

// The facts that loading `selection` of `spec` requires. An object without CO-RE needs no kernel
// BTF.
Needs needs(const ObjectSpec& spec, const Selection& selection);

}  // namespace bpfld::loader
