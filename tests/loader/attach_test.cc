// SPDX-License-Identifier: Apache-2.0
// The plans of the tracing families, as text: which requests a place becomes on which kernel, and
// why it does not become any.
#include <doctest/doctest.h>

#include "loader/attach_target.h"
#include "loader/perf_events.h"
#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

// An object with one program of that section.
ObjectSpec one_program(const char* section, const AttachTarget& target = {}) {
  ObjectBuilder object;
  object.add_function("prog", section, {mov64_imm(0, 0), exit_insn()});
  ObjectSpec spec = spec_of(object);
  if (target.method != AttachMethod::none) spec.programs[0].places = {target};
  return spec;
}

AttachTarget place(AttachMethod method, std::string text, std::optional<u32> pid = {}) {
  AttachTarget out;
  out.method = method;
  out.place = std::move(text);
  out.pid = pid;
  return out;
}

BinaryFact found(std::string path, std::vector<u64> offsets) {
  BinaryFact fact;
  fact.path = std::move(path);
  fact.offsets = std::move(offsets);
  return fact;
}

KernelProfile traced_kernel() {
  KernelProfile profile;
  profile.machine = "x86_64";
  profile.process = 77;
  profile.online_cpus = {0, 2};
  profile.pmus["kprobe"] = {.type = 8, .return_bit = 0, .semaphore_shift = {}, .in_tracefs = true};
  profile.pmus["uprobe"] = {.type = 9, .return_bit = 0, .semaphore_shift = 32, .in_tracefs = true};
  return profile;
}

// The requests and how it is called; or the problem. The program is slot 5, maps are from 2 on.
std::string plan_text(const ObjectSpec& spec, const KernelProfile& profile) {
  Plan loaded;
  loaded.map_slots = {2, 3, 4};
  loaded.program_slots = {5};
  loaded.slots = 10;
  const AttachPlan plan = plan_attach(spec, 0, 0, profile, loaded);
  if (plan.problem)
    return plan.problem->message() +
           (plan.problem->detail.empty() ? "" : "; " + plan.problem->detail);
  std::string out = plan.how + "\n";
  for (const Op& op : plan.ops) {
    out += bpf::describe(op.request);
    if (op.result) out += format(" -> ${}", *op.result);
    if (op.undo) out += " undo " + bpf::describe(*op.undo);
    out += "\n";
  }
  return out;
}

std::string link_of(u32 event, u32 link) {
  return format(
      "bpf(BPF_LINK_CREATE, {{prog_fd=$5, target_fd=${}, attach_type=BPF_PERF_EVENT}}) -> ${}\n",
      event, link);
}

}  // namespace

TEST_CASE("attach: kprobes by name, with an offset, in a module, by address, at the return") {
  const auto event = [](std::string_view attr) {
    return format(
        "perf link\nperf_event_open({{type=8, {}}}, pid=-1, cpu=0, group=-1, FD_CLOEXEC) "
        "-> $10\n{}",
        attr, link_of(10, 11));
  };
  const KernelProfile profile = traced_kernel();
  CHECK(plan_text(one_program("kprobe/tcp_connect"), profile) ==
        event("config=0, config1=\"tcp_connect\""));
  CHECK(plan_text(one_program("kprobe/tcp_connect+0x10"), profile) ==
        event("config=0, config1=\"tcp_connect\", config2=0x10"));
  CHECK(plan_text(one_program("kprobe/nf_tables:nft_do_chain"), profile) ==
        event("config=0, config1=\"nf_tables:nft_do_chain\""));
  CHECK(plan_text(one_program("kprobe", place(AttachMethod::kprobe, "0xffffffff81000010")),
                  profile) == event("config=0, config2=0xffffffff81000010"));
  CHECK(plan_text(one_program("kretprobe/tcp_connect"), profile) ==
        event("config=1, config1=\"tcp_connect\""));
  CHECK(plan_text(one_program("ksyscall/kill"), profile) ==
        event("config=0, config1=\"__x64_sys_kill\""));
  CHECK(plan_text(one_program("kretsyscall/kill"), profile) ==
        event("config=1, config1=\"__x64_sys_kill\""));
}

TEST_CASE("attach: system calls have another prefix on each machine") {
  KernelProfile profile = traced_kernel();
  for (const auto& [machine, name] : {std::pair{"aarch64", "__arm64_sys_kill"},
                                      {"s390x", "__s390x_sys_kill"},
                                      {"riscv64", "__riscv_sys_kill"},
                                      {"mips64", "__se_sys_kill"}}) {
    profile.machine = machine;
    CHECK(probed_function(one_program("ksyscall/kill"), 0, 0, profile) == name);
  }
}

TEST_CASE("attach: kprobe places that make no sense, and kernels without kprobes") {
  const KernelProfile profile = traced_kernel();
  CHECK(plan_text(one_program("kretprobe/f+4"), profile) ==
        "\"f+4\": a return probe has no offset: a function returns from anywhere");
  for (const char* section : {"kprobe/f+", "kprobe/+4", "kprobe/a b", "kprobe/f+0xg", "kprobe/0x"})
    CHECK(plan_text(one_program(section), profile).find("is no kernel function") !=
          std::string::npos);
  CHECK(plan_text(one_program("kprobe/f"), {}) ==
        "this kernel has no kprobes (no PMU \"kprobe\", no kprobe_events in tracefs)");
}

TEST_CASE("attach: a kernel without the PMU has its probes defined in tracefs, and removed") {
  KernelProfile profile = traced_kernel();
  profile.pmus["kprobe"].type.reset();
  CHECK(plan_text(one_program("kretprobe/tcp_connect"), profile) ==
        "perf link, defined in tracefs\n"
        "write(kprobe_events, \"r:bpfld/bpfld_77_10 tcp_connect\") -> $10 "
        "undo write(kprobe_events, \"-:bpfld/bpfld_77_10\")\n" +
            link_of(10, 11));
}

TEST_CASE("attach: without perf links a program is set on the event") {
  KernelProfile profile = traced_kernel();
  feature(profile, Feature::perf_link) = Answer::no;
  CHECK(plan_text(one_program("kprobe/f"), profile) ==
        "perf event\nperf_event_open({type=8, config=0, config1=\"f\"}, pid=-1, cpu=0, group=-1, "
        "FD_CLOEXEC) -> $10\nioctl($10, PERF_EVENT_IOC_SET_BPF, $5)\n");
}

TEST_CASE("attach: kprobe.multi takes what a pattern matches, or one name") {
  KernelProfile profile = traced_kernel();
  profile.functions["tcp_*"].names = {"tcp_ack", "tcp_close"};
  profile.functions["none_*"] = {};
  profile.functions["err_*"].problem = "tracefs is not mounted";
  CHECK(plan_text(one_program("kprobe.multi/tcp_*"), profile) ==
        "kprobe.multi link, 2 functions\nbpf(BPF_LINK_CREATE, {prog_fd=$5, "
        "attach_type=BPF_TRACE_KPROBE_MULTI, syms=[\"tcp_ack\", \"tcp_close\"], cnt=2}) -> $10\n");
  CHECK(plan_text(one_program("kretprobe.multi/tcp_ack"), profile) ==
        "kprobe.multi link\nbpf(BPF_LINK_CREATE, {prog_fd=$5, "
        "attach_type=BPF_TRACE_KPROBE_MULTI, flags=RETURN, syms=[\"tcp_ack\"], cnt=1}) -> $10\n");
  CHECK(
      plan_text(one_program("kprobe.session/tcp_ack"), profile).find("BPF_TRACE_KPROBE_SESSION") !=
      std::string::npos);
  CHECK(plan_text(one_program("kprobe.multi/none_*"), profile) ==
        "no kernel function that can be traced matches \"none_*\"");
  CHECK(plan_text(one_program("kprobe.multi/err_*"), profile) == "tracefs is not mounted");
}

TEST_CASE("attach: uprobes at the function's place in the file") {
  KernelProfile profile = traced_kernel();
  profile.binaries[{"/bin/bash", "readline", 0, false}] = found("/bin/bash", {0x1000});
  profile.binaries[{"/bin/bash", "readline", 7, false}] = found("/proc/7/root/bin/bash", {0x1000});
  profile.binaries[{"/bin/bash", "rl_*", 0, true}] = found("/bin/bash", {1, 2});
  CHECK(plan_text(one_program("uprobe//bin/bash:readline+0x4"), profile) ==
        "perf link\nperf_event_open({type=9, config=0, config1=\"/bin/bash\", config2=0x1004}, "
        "pid=-1, cpu=0, group=-1, FD_CLOEXEC) -> $10\n" +
            link_of(10, 11));
  CHECK(plan_text(one_program("uretprobe", place(AttachMethod::uprobe, "/bin/bash:readline", 7)),
                  profile) ==
        "perf link\nperf_event_open({type=9, config=1, config1=\"/proc/7/root/bin/bash\", "
        "config2=0x1000}, pid=7, cpu=-1, group=-1, FD_CLOEXEC) -> $10\n" +
            link_of(10, 11));
  CHECK(plan_text(one_program("uprobe.multi//bin/bash:rl_*"), profile) ==
        "uprobe.multi link, 2 functions\nbpf(BPF_LINK_CREATE, {prog_fd=$5, "
        "attach_type=BPF_TRACE_UPROBE_MULTI, path=\"/bin/bash\", offsets=[0x1, 0x2], cnt=2}) -> "
        "$10\n");
  CHECK(plan_text(one_program("uprobe//bin/bash"), profile) ==
        "\"/bin/bash\" names no file and function; want FILE:FUNCTION");
  profile.binaries[{"/bin/bash", "f", 0, false}].problem = "/bin/bash: it has no function \"f\"";
  profile.binaries[{"/bin/bash", "f", 0, false}].near = {"ff"};
  CHECK(plan_text(one_program("uprobe//bin/bash:f"), profile) ==
        "/bin/bash: it has no function \"f\"; did you mean: ff");
}

TEST_CASE(
    "attach: a USDT probe is a uprobe at each of its places, with a number for its arguments") {
  KernelProfile profile = traced_kernel();
  UsdtFact& fact = profile.usdts[{"/bin/x", "p", "n", 0}];
  fact.path = "/bin/x";
  fact.machine = 62;
  fact.sites = {{.offset = 0x10, .semaphore = 0x2000, .address = 0, .arguments = "-4@%edi"},
                {.offset = 0x20, .semaphore = 0, .address = 0, .arguments = "8f@%xmm0"},
                {.offset = 0x30, .semaphore = 0, .address = 0, .arguments = "-4@%edi"}};
  const std::string text = plan_text(one_program("usdt//bin/x:p:n"), profile);
  CHECK(text.starts_with("perf link, 3 places") == false);
  CHECK(text.find("perf link, 2 places, 1 left out: argument \"8f@%xmm0\" cannot be read\n") == 0);
  CHECK(text.find("{type=9, config=35184372088832, config1=\"/bin/x\", config2=0x10}") !=
        std::string::npos);
  CHECK(text.find("{type=9, config=0, config1=\"/bin/x\", config2=0x30}") != std::string::npos);
  fact.sites = {{.offset = 0x20, .semaphore = 0, .address = 0, .arguments = "8f@%xmm0"}};
  CHECK(plan_text(one_program("usdt//bin/x:p:n"), profile) ==
        "argument \"8f@%xmm0\" cannot be read");
  for (const char* section : {"usdt//bin/x:p", "usdt//bin/x::n", "usdt/:p:n", "usdt//bin/x"})
    CHECK(plan_text(one_program(section), profile).find("want FILE:PROVIDER:NAME") !=
          std::string::npos);
}

TEST_CASE("attach: samples on every CPU or in one process, by frequency or by count") {
  const KernelProfile profile = traced_kernel();
  const auto sampled = [&](const char* text, std::optional<u32> pid = {},
                           std::optional<u32> frequency = {}) {
    AttachTarget target = place(AttachMethod::perf_event, text, pid);
    target.frequency = frequency;
    return plan_text(one_program("perf_event", target), profile);
  };
  CHECK(sampled("cpu-clock@49") ==
        "perf link on 2 CPUs\nperf_event_open({type=SOFTWARE, config=0, sample_freq=49}, pid=-1, "
        "cpu=0, group=-1, FD_CLOEXEC) -> $10\n" +
            link_of(10, 11) +
            "perf_event_open({type=SOFTWARE, config=0, sample_freq=49}, pid=-1, cpu=2, group=-1, "
            "FD_CLOEXEC) -> $12\n" +
            link_of(12, 13));
  CHECK(sampled("page-faults/100", 7) ==
        "perf link\nperf_event_open({type=SOFTWARE, config=2, sample_period=100}, pid=7, cpu=-1, "
        "group=-1, FD_CLOEXEC) -> $10\n" +
            link_of(10, 11));
  CHECK(sampled("cycles", 7, 1000).find("{type=HARDWARE, config=0, sample_freq=1000}") !=
        std::string::npos);
  CHECK(sampled("cs", 7).find("{type=SOFTWARE, config=3, sample_period=1}") != std::string::npos);
  CHECK(sampled("LLC-load-misses@10", 7).find("{type=3, config=65538, sample_freq=10}") !=
        std::string::npos);
  CHECK(sampled("r01c2/5", 7).find("{type=4, config=450, sample_period=5}") != std::string::npos);
  CHECK(sampled("cpu-clocks") == "there is no perf event \"cpu-clocks\"; did you mean: cpu-clock");
  for (const char* text : {"cpu-clock@", "cpu-clock@0", "cpu-clock/x"})
    CHECK(sampled(text).find("want EVENT, EVENT@TIMES_A_SECOND") != std::string::npos);
}

TEST_CASE(
    "attach: tracing programs are switched on by a link, or on older kernels by the older call") {
  KernelProfile profile = traced_kernel();
  CHECK(plan_text(one_program("fentry/vfs_read"), profile) ==
        "tracing link\nbpf(BPF_LINK_CREATE, {prog_fd=$5, attach_type=BPF_TRACE_FENTRY}) -> $10\n");
  feature(profile, Feature::tracing_link) = Answer::no;
  for (const char* section : {"fentry/f", "fexit/f", "fmod_ret/f", "tp_btf/e", "lsm/h"})
    CHECK(plan_text(one_program(section), profile) ==
          "raw tracepoint link\nbpf(BPF_RAW_TRACEPOINT_OPEN, {name=\"\", prog_fd=$5}) -> $10\n");
  CHECK(plan_text(one_program("fsession/f"), profile).starts_with("tracing link"));
}

TEST_CASE("attach: many functions are of the kernel itself, or of one module") {
  KernelProfile profile = traced_kernel();
  const auto fact = [&](const char* text, u32 module) {
    TracedFact found;
    found.types = {7, 9};
    found.module = module;
    profile.traced[text] = found;
  };
  fact("veth:veth_x*", 1);
  fact("veth:veth_get", 1);
  fact("tcp_*", 0);
  ObjectSpec spec = one_program("fentry.multi", place(AttachMethod::tracing_multi, "veth:veth_x*"));
  CHECK(plan_text(spec, profile).find("ids=[7, 9], cnt=2") != std::string::npos);
  spec.programs[0].places.push_back(place(AttachMethod::tracing_multi, "veth:veth_get"));
  CHECK(plan_text(spec, profile).find("ids=[7, 9], cnt=2") != std::string::npos);
  spec.programs[0].places.push_back(place(AttachMethod::tracing_multi, "tcp_*"));
  CHECK(plan_text(spec, profile) ==
        "veth:veth_x*: the program is loaded for veth, and tcp_* is not there: one program is "
        "about the kernel itself or about one module");
  profile.traced["gone:*"].problem = "module gone is not loaded or has no BTF";
  CHECK(plan_text(one_program("fentry.multi", place(AttachMethod::tracing_multi, "gone:*")),
                  profile) == "module gone is not loaded or has no BTF");
}

TEST_CASE("attach: events of the processor are told from those of the kernel") {
  for (const char* place : {"cycles", "cycles@99", "instructions/1000", "LLC-load-misses", "r01c2"})
    CHECK(is_hardware_event(place));
  for (const char* place : {"cpu-clock@49", "page-faults/1", "nothing", "", "@", "r"})
    CHECK_FALSE(is_hardware_event(place));
}

TEST_CASE("attach: an iterator over cgroups is told where to start and in which order") {
  KernelProfile profile = traced_kernel();
  profile.cgroups["/c"] = {.path = "/c", .problem = {}, .errno_value = 0};
  profile.cgroups["/d"] = {.path = "/d", .problem = "there is no /d", .errno_value = 0};
  const auto at = [&](const char* text) {
    return plan_text(one_program("iter/cgroup", place(AttachMethod::iterator, text)), profile);
  };
  CHECK(plan_text(one_program("iter/cgroup"), profile) ==
        "iterator\nbpf(BPF_LINK_CREATE, {prog_fd=$5, attach_type=BPF_TRACE_ITER, "
        "order=DESCENDANTS_PRE}) -> $10\n"
        "bpf(BPF_ITER_CREATE, {link_fd=$10}) -> $11\n");
  CHECK(at("cgroup,path=/c,order=up").find("order=ANCESTORS_UP, cgroup_fd=$10}") !=
        std::string::npos);
  CHECK(at("cgroup,id=77,order=self").find("order=SELF_ONLY, cgroup_id=77}") != std::string::npos);
  CHECK(at("cgroup,path=/d") == "there is no /d");
  CHECK(at("cgroup,path=/c,id=7") ==
        "iter:cgroup,path=/c,id=7: it walks one thing, and several are named");
  CHECK(at("cgroup,order=down") ==
        "iter:cgroup,order=down: order is self, pre, post, up or children");
  CHECK(at("cgroup,map=m") ==
        "iter:cgroup,map=m: it takes no \"map\"; want iter:cgroup,path=DIRECTORY,order=pre");
}

TEST_CASE("attach: an iterator's link is opened for reading; it may be about one map or process") {
  const KernelProfile profile = traced_kernel();
  CHECK(plan_text(one_program("iter/task"), profile) ==
        "iterator\nbpf(BPF_LINK_CREATE, {prog_fd=$5, attach_type=BPF_TRACE_ITER}) -> $10\n"
        "bpf(BPF_ITER_CREATE, {link_fd=$10}) -> $11\n");
  CHECK(plan_text(one_program("iter/task", place(AttachMethod::iterator, "task,pid=7")), profile)
            .find("attach_type=BPF_TRACE_ITER, pid=7}") != std::string::npos);
  CHECK(plan_text(one_program("iter/bpf_map_elem"), profile) ==
        "an iterator over the elements of a map needs the map: iter:bpf_map_elem,map=NAME");
  CHECK(plan_text(one_program("iter/x", place(AttachMethod::iterator, "bpf_map_elem,map=m")),
                  profile) == "iter:bpf_map_elem,map=m: the object has no map \"m\"");
  const auto at = [&](const char* text) {
    return plan_text(one_program("iter/x", place(AttachMethod::iterator, text)), profile);
  };
  CHECK(at("task,pid=x") == "iter:task,pid=x: pid takes a number");
  CHECK(at("task,pid=4294967295") == "iter:task,pid=4294967295: pid takes a number");
  CHECK(at("task,pid=") == "iter:task,pid=: pid needs a value, pid=...");
  CHECK(at("task,pid=1,tid=2") ==
        "iter:task,pid=1,tid=2: it walks one thing, and several are named");
  CHECK(at("task,order=pre") == "iter:task,order=pre: it takes no \"order\"; want iter:task,pid=N");
  CHECK(at("tcp,pid=1") ==
        "iter:tcp,pid=1: an iterator over tcp walks everything: it takes no \"pid\"");
  CHECK(at("sockmap") == "an iterator over sockmap needs the map: iter:sockmap,map=NAME");
  CHECK(at("bpf_map_elem,map=id:x") ==
        "iter:bpf_map_elem,map=id:x: map=id: takes the number of a map");
  CHECK(at("bpf_map_elem,map=id:7").find("map_fd=$10") != std::string::npos);
  CHECK(at("bpf_map_elem,map=/sys/fs/bpf/m").find("BPF_OBJ_GET") != std::string::npos);
  CHECK(at("task,pidfd=9").find("pid_fd=9}") != std::string::npos);
  ObjectBuilder object;
  object.add_map("m", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                       type("value", object.u64_id)});
  object.add_function("prog", "iter/bpf_map_elem", {mov64_imm(0, 0), exit_insn()});
  ObjectSpec spec = spec_of(object);
  spec.programs[0].places = {place(AttachMethod::iterator, "bpf_map_elem,map=m")};
  CHECK(plan_text(spec, profile).find("attach_type=BPF_TRACE_ITER, map_fd=$2}") !=
        std::string::npos);
}

TEST_CASE("attach: what places need of the kernel is asked for, once") {
  ObjectBuilder object;
  for (const char* section : {"kprobe/f", "kprobe/g", "kprobe.multi/tcp_*", "uprobe//bin/x:f",
                              "uprobe.multi//bin/x:f*", "usdt//bin/x:p:n"})
    object.add_function(format("f{}", section[0] + section[8]), section,
                        {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  const Needs needed = needs(spec, autoload_programs(spec));
  CHECK(needed.pmus == std::vector<std::string>{"kprobe", "uprobe"});
  CHECK(needed.function_globs == std::vector<std::string>{"tcp_*"});
  CHECK(needed.binaries ==
        std::vector<BinaryPlace>{{"/bin/x", "f", 0, false}, {"/bin/x", "f*", 0, true}});
  CHECK(needed.usdts == std::vector<UsdtPlace>{{"/bin/x", "p", "n", 0}});
  CHECK_FALSE(needed.online_cpus);
  CHECK_FALSE(needed.kernel_btf);
}
