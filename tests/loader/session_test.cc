// SPDX-License-Identifier: Apache-2.0
// Loading and attaching against a fake kernel: what is asked and in which order, what is learnt
// from a refusal, and that after any failure nothing of ours is open.
#include "loader/session.h"

#include <cerrno>
#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

constexpr const char* kGetppid = "syscalls/sys_enter_getppid";

KernelProfile make_profile() {
  KernelProfile profile;
  profile.tracepoints[kGetppid].id = 331;
  profile.possible_cpus = 4;
  return profile;
}

Answer& feature(KernelProfile& profile, Feature f) {
  return profile.features[static_cast<std::size_t>(f)];
}

ObjectSpec spec_of(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

// A map, a filled and a zeroed data section, two programs at one tracepoint.
ObjectSpec example() {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.add_variable("limit", ".rodata", object.u32_id, bytes_vector(u32{5}));
  object.add_variable("hits", ".bss", object.u64_id, bytes_vector(u64{0}));
  for (const char* name : {"one", "two"}) {
    object.add_function(name, format("tp/{}", kGetppid),
                        {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
    object.relocate(name, 0, "counts");
  }
  return spec_of(object);
}

Result<Session> load(const ObjectSpec& spec, KernelProfile& profile, bpf::Kernel& kernel) {
  return Session::load(spec, autoload_programs(spec), profile, kernel);
}

std::vector<std::string> call_names(const FakeKernel& kernel) {
  std::vector<std::string> out;
  for (const bpf::Request& request : kernel.requests)
    out.push_back(bpf::call_name(request));
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines)
    out += line + "\n";
  return out;
}

template <typename R>
std::function<bool(const bpf::Request&)> is() {
  return [](const bpf::Request& request) { return std::holds_alternative<R>(request); };
}

}  // namespace

TEST_CASE("loader session: load, attach and detach, request by request") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    CHECK(joined(call_names(kernel)) ==
          "bpf(BPF_BTF_LOAD)\nbpf(BPF_MAP_CREATE)\nbpf(BPF_MAP_CREATE)\nbpf(BPF_MAP_UPDATE_ELEM)\n"
          "bpf(BPF_MAP_FREEZE)\nbpf(BPF_MAP_CREATE)\nbpf(BPF_PROG_LOAD)\nbpf(BPF_PROG_LOAD)\n");
    CHECK(kernel.open_fds() == 6);
    CHECK(session->map_fd(0) == FakeKernel::kFirstFd + 1);
    CHECK(session->program_fd(1) == FakeKernel::kFirstFd + 5);
    CHECK(session->map_fd(99) == -1);
    CHECK(session->program_fd(99) == -1);
    const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
    REQUIRE(loads.size() == 2);
    CHECK(loads[0].log_level == 0);  // no log unless something is wrong
    CHECK(loads[0].btf == bpf::Fd::number(FakeKernel::kFirstFd));
    REQUIRE(loads[0].map_references.size() == 1);
    CHECK(loads[0].map_references[0].map == bpf::Fd::number(FakeKernel::kFirstFd + 1));
    CHECK(profile.features == std::array<Answer, kFeatureCount>{});  // nothing was probed

    kernel.requests.clear();
    for (const AttachPlan& attach : session->plan().attach)
      CHECK(message(session->attach(attach)) == "no error");
    CHECK(joined(kernel.transcript()) ==
          "perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, FD_CLOEXEC)\n"
          "bpf(BPF_LINK_CREATE, {prog_fd=1000004, target_fd=1000006, attach_type=BPF_PERF_EVENT})\n"
          "ioctl(1000006, PERF_EVENT_IOC_ENABLE)\n"
          "perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, FD_CLOEXEC)\n"
          "bpf(BPF_LINK_CREATE, {prog_fd=1000005, target_fd=1000008, attach_type=BPF_PERF_EVENT})\n"
          "ioctl(1000008, PERF_EVENT_IOC_ENABLE)\n");
    CHECK(kernel.open_fds() == 10);
    session->detach();
    CHECK(kernel.open_fds() == 6);
    // Attached again after that.
    CHECK(message(session->attach(session->plan().attach[0])) == "no error");
    CHECK(kernel.open_fds() == 8);
  }
  CHECK(kernel.open_fds() == 0);
  CHECK(FakeKernel::bad_closes() == 0);
  // Links close before programs, programs before maps.
  const std::vector<int>& closed = FakeKernel::closed();
  REQUIRE(closed.size() == kernel.fds_made());
  CHECK(std::is_sorted(closed.rbegin(), closed.rend() - 4));
}

TEST_CASE("loader session: one that was moved closes once") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  {
    Result<Session> first = load(spec, profile, kernel);
    REQUIRE(first);
    Session second = std::move(*first);
    CHECK(message(second.attach(second.plan().attach[0])) == "no error");
    Result<Session> other = load(spec, profile, kernel);
    REQUIRE(other);
    second = std::move(*other);
    CHECK(kernel.open_fds() == 6);
  }
  CHECK(kernel.open_fds() == 0);
  CHECK(FakeKernel::bad_closes() == 0);
}

TEST_CASE("loader session: every request that fails is an error that names subject and errno") {
  const ObjectSpec spec = example();
  struct Step {
    const char* subject;
    const char* call;
  };
  const Step steps[] = {{"the object's BTF", "bpf(BPF_BTF_LOAD)"},
                        {"map \"counts\"", "bpf(BPF_MAP_CREATE)"},
                        {"map \".rodata\"", "bpf(BPF_MAP_CREATE)"},
                        {"map \".rodata\"", "bpf(BPF_MAP_UPDATE_ELEM)"},
                        {"map \".rodata\"", "bpf(BPF_MAP_FREEZE)"},
                        {"map \".bss\"", "bpf(BPF_MAP_CREATE)"},
                        {"program \"one\"", "bpf(BPF_PROG_LOAD)"},
                        {"program \"two\"", "bpf(BPF_PROG_LOAD)"},
                        {"program \"one\"", "perf_event_open"},
                        {"program \"one\"", "bpf(BPF_LINK_CREATE)"},
                        {"program \"one\"", "ioctl(PERF_EVENT_IOC_ENABLE)"},
                        {"program \"two\"", "perf_event_open"},
                        {"program \"two\"", "bpf(BPF_LINK_CREATE)"},
                        {"program \"two\"", "ioctl(PERF_EVENT_IOC_ENABLE)"}};
  const std::pair<int, const char*> errnos[] = {
      {EPERM, "EPERM"}, {ENOMEM, "ENOMEM"}, {EINVAL, "EINVAL"}, {E2BIG, "E2BIG"}};
  for (std::size_t n = 0; n < std::size(steps); n++) {
    for (const auto& [errno_value, name] : errnos) {
      CAPTURE(n);
      CAPTURE(name);
      FakeKernel kernel;
      kernel.refuse_nth(n, errno_value);
      KernelProfile profile = make_profile();
      std::string text = "no error";
      {
        Result<Session> session = load(spec, profile, kernel);
        if (!session) {
          text = message(session);
          CHECK(kernel.open_fds() == 0);
        } else {
          const std::size_t loaded = kernel.open_fds();
          for (std::size_t i = 0; i < 2 && text == "no error"; i++) {
            text = message(session->attach(session->plan().attach[i]));
            // What was attached before stays; of this one, nothing does.
            CHECK(kernel.open_fds() == loaded + 2 * i + (text == "no error" ? 2 : 0));
          }
        }
      }
      CHECK(kernel.open_fds() == 0);
      CHECK(FakeKernel::bad_closes() == 0);
      // A kernel may have no use for types that it does not understand: then it gets none.
      const bool optional = n < 6 &&
                            std::string_view(steps[n].call) != "bpf(BPF_MAP_UPDATE_ELEM)" &&
                            std::string_view(steps[n].call) != "bpf(BPF_MAP_FREEZE)" &&
                            (errno_value == EINVAL || errno_value == E2BIG);
      if (optional)
        CHECK(text == "no error");
      else
        CHECK(text.starts_with(format("{}: {}: ", steps[n].subject, steps[n].call)));
      if (!optional) CHECK(text.ends_with(format("({})", name)));
    }
  }
}

TEST_CASE("loader session: BTF that the kernel does not understand is left out, and noted") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  // Only this object's: what the probes load is understood.
  kernel.refuse(
      [&](const bpf::Request& request) {
        const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request);
        return load != nullptr && load->blob == spec.btf;
      },
      EINVAL, "magic: 0xeb9f\nInvalid type\n");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK_FALSE(session->plan().btf_slot.has_value());
  REQUIRE(session->plan().notes.size() == 1);
  CHECK(session->plan().notes[0] ==
        "loaded without BTF: the object's BTF: bpf(BPF_BTF_LOAD): Invalid argument (EINVAL)");
  for (const bpf::ProgLoad& program : kernel.all<bpf::ProgLoad>())
    CHECK_FALSE(program.btf.is_set());
  CHECK(feature(profile, Feature::btf_decl_tag) == Answer::yes);
}

TEST_CASE("loader session: a failure that follows from missing BTF tells that it was refused") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(
      [&](const bpf::Request& request) {
        const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request);
        return load != nullptr && load->blob == spec.btf;
      },
      EINVAL);
  kernel.refuse(is<bpf::MapCreate>(), ENOMEM);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().errno_value == ENOMEM);
  CHECK(session.error().detail.starts_with("loaded without BTF: the object's BTF: "));
}

TEST_CASE("loader session: BTF that failed for want of memory or rights is no reason to go on") {
  for (const int errno_value : {ENOMEM, EPERM, EACCES, EMFILE, EAGAIN, EINTR, ENOSPC}) {
    const ObjectSpec spec = example();
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    kernel.refuse(is<bpf::BtfLoad>(), errno_value);
    const Result<Session> session = load(spec, profile, kernel);
    REQUIRE_FALSE(session);
    CHECK(session.error().errno_value == errno_value);
    CHECK(session.error().context == "the object's BTF");
    CHECK(kernel.count<bpf::MapCreate>() == 0);
  }
}

TEST_CASE("loader session: a map whose types the kernel refuses is created without them") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(
      [](const bpf::Request& request) {
        const bpf::MapCreate* map = std::get_if<bpf::MapCreate>(&request);
        return map != nullptr && map->name == "counts" && map->btf.is_set();
      },
      EINVAL);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  REQUIRE(session->plan().notes.size() == 1);
  CHECK(session->plan().notes[0] ==
        "map counts: created without BTF, whose types the kernel refused");
  const std::vector<bpf::MapCreate> maps = kernel.all<bpf::MapCreate>();
  CHECK(maps.back().btf.is_set());  // .bss keeps its own
  CHECK(kernel.open_fds() == 6);
}

TEST_CASE("loader session: the verifier is asked for its log only after it refused") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), EACCES, "R1 type=scalar expected=fp\n");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::rejected);
  CHECK(session.error().errno_value == EACCES);
  CHECK(session.error().detail == "R1 type=scalar expected=fp\n");
  const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
  REQUIRE(loads.size() == 2);
  CHECK(loads[0].log_level == 0);
  CHECK(loads[1].log_level == 1);
  CHECK(loads[1].log_size == kFirstLogSize);
}

TEST_CASE("loader session: a refusal without the verifier's words is the kernel's, not a verdict") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), EINVAL);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::kernel);
}

TEST_CASE("loader session: no memory is no verdict, even with a log") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), ENOMEM, "processed 4711 insns\n");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::kernel);
  CHECK(session.error().errno_value == ENOMEM);
}

TEST_CASE("loader session: the log's buffer grows while it is too small, and that ends") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  // Always too small: what the kernel answers to the first attempt, without a log, is the truth.
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr) return std::nullopt;
    return load->log_level == 0 ? refusal(request, EINVAL)
                                : refusal(request, ENOSPC, format("{} bytes", load->log_size));
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().errno_value == EINVAL);
  CHECK(session.error().code == Code::rejected);
  const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
  CHECK(loads.size() <= 8);
  for (std::size_t i = 2; i < loads.size(); i++)
    CHECK(loads[i].log_size > loads[i - 1].log_size);
  CHECK(loads.back().log_size <= kLargestLogSize);
  CHECK(session.error().detail == format("{} bytes", loads.back().log_size));
}

TEST_CASE("loader session: a log that fits a larger buffer is taken from there") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr) return std::nullopt;
    if (load->log_level == 0) return refusal(request, EINVAL);
    const bool fits = load->log_size > kFirstLogSize;
    return refusal(request, fits ? EINVAL : ENOSPC, fits ? "the whole log" : "the begin");
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().detail == "the whole log");
  CHECK(kernel.count<bpf::ProgLoad>() == 3);
}

TEST_CASE("loader session: a buffer larger than the kernel takes leaves the shorter log") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr) return std::nullopt;
    if (load->log_level == 0) return refusal(request, EACCES);
    return load->log_size == kFirstLogSize ? refusal(request, ENOSPC, "the begin")
                                           : refusal(request, EINVAL);
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().detail == "the begin");
  CHECK(session.error().errno_value == EACCES);
}

TEST_CASE("loader session: a refusal that did not last is none") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(
      [&](const bpf::Request& request) {
        return std::holds_alternative<bpf::ProgLoad>(request) && kernel.count<bpf::ProgLoad>() == 1;
      },
      ENOMEM);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.open_fds() == 6);
}

TEST_CASE("loader session: an interrupted verifier is asked again, five times at most") {
  const ObjectSpec spec = example();
  for (const std::size_t interruptions : {std::size_t{4}, std::size_t{1000}}) {
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    kernel.refuse(
        [&](const bpf::Request& request) {
          return std::holds_alternative<bpf::ProgLoad>(request) &&
                 kernel.count<bpf::ProgLoad>() <= interruptions;
        },
        EAGAIN);
    const Result<Session> session = load(spec, profile, kernel);
    if (interruptions == 4) {
      CHECK(message(session) == "no error");
      CHECK(kernel.count<bpf::ProgLoad>() == 6);  // five for the first program, one for the second
    } else {
      REQUIRE_FALSE(session);
      CHECK(session.error().errno_value == EAGAIN);
      CHECK(kernel.count<bpf::ProgLoad>() == 10);  // five without a log, five with
    }
  }
}

TEST_CASE("loader session: a kernel that does not know the kinds of the BTF gets it rewritten") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.btf.add_decl_tag("bpfld:event=struct event", object.btf.add_struct("event", 8));
  object.btf.add_float("double", 8);
  object.add_function("prog", format("tp/{}", kGetppid), {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(feature(profile, Feature::btf_decl_tag) == Answer::no);
  CHECK(feature(profile, Feature::btf_float) == Answer::no);
  CHECK(feature(profile, Feature::btf_datasec) == Answer::yes);
  CHECK(feature(profile, Feature::btf_func_global) == Answer::yes);
  CHECK(session->plan().btf_slot.has_value());
  CHECK(session->plan().notes.empty());
  CHECK(kernel.all<bpf::ProgLoad>().back().func_info.count == 1);
}

TEST_CASE("loader session: on a kernel without perf links each program gets the ioctl") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel);
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    const std::size_t loaded = kernel.open_fds();
    kernel.requests.clear();
    for (const AttachPlan& attach : session->plan().attach)
      CHECK(message(session->attach(attach)) == "no error");
    CHECK(feature(profile, Feature::perf_link) == Answer::no);
    CHECK(kernel.count<bpf::PerfSetBpf>() == 2);
    CHECK(kernel.count<bpf::PerfEnable>() == 2);
    CHECK(kernel.count<bpf::LinkCreate>() == 2);  // the first program's, and the probe's
    for (const AttachPlan& attach : session->plan().attach)
      CHECK(attach.how == "perf event");
    CHECK(kernel.open_fds() == loaded + 2);
    session->detach();
    CHECK(kernel.open_fds() == loaded);
  }
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader session: a copy of an old attach plan still finds the way that works") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel);
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  const std::vector<AttachPlan> copies = session->plan().attach;
  for (const AttachPlan& attach : copies)
    CHECK(message(session->attach(attach)) == "no error");
  CHECK(kernel.count<bpf::PerfSetBpf>() == 2);
}

TEST_CASE("loader session: memory is charged to a limit on old kernels, so that is raised once") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel, {.memlock = true});
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.count<bpf::RaiseMemlock>() == 1);
  CHECK(kernel.open_fds() == 6);
}

TEST_CASE("loader session: a limit that cannot be raised leaves the kernel's refusal") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::RaiseMemlock>(), EPERM);
  kernel.refuse(is<bpf::MapCreate>(), EPERM);
  kernel.refuse(is<bpf::ProgLoad>(), EPERM);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::denied);
  CHECK(message(session) == "map \"counts\": bpf(BPF_MAP_CREATE): Operation not permitted (EPERM)");
  CHECK(kernel.count<bpf::RaiseMemlock>() == 1);
}

TEST_CASE("loader session: a probe that fails for another reason is not remembered as a no") {
  const ObjectSpec spec = example();
  for (const int errno_value : {ENOMEM, EPERM, EMFILE, EINTR}) {
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    // The object's program link is refused as an old kernel would; the probe finds no memory.
    kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
      const bpf::LinkCreate* link = std::get_if<bpf::LinkCreate>(&request);
      if (link == nullptr) return std::nullopt;
      return refusal(request, kernel.count<bpf::LinkCreate>() == 1 ? EINVAL : errno_value);
    });
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE(session);
    const std::size_t loaded = kernel.open_fds();
    const Status attached = session->attach(session->plan().attach[0]);
    REQUIRE_FALSE(attached);
    CHECK(attached.error().errno_value == EINVAL);
    CHECK(feature(profile, Feature::perf_link) == Answer::unknown);
    CHECK(kernel.open_fds() == loaded);
  }
}

TEST_CASE("loader session: an attachment with a problem asks nothing of the kernel") {
  ObjectBuilder object;
  object.add_function("prog", "tp/sched/no_such", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  profile.tracepoints["sched/no_such"].problem = "there is no such tracepoint";
  FakeKernel kernel;
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE(session);
  kernel.requests.clear();
  CHECK(message(session->attach(session->plan().attach[0])) == "there is no such tracepoint");
  CHECK(kernel.requests.empty());
}

TEST_CASE("loader session: what cannot be planned asks nothing of the kernel") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.add_function("prog", "no_such_section", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(kernel.requests.empty());
}

TEST_CASE("loader session: a raw tracepoint is opened by name") {
  ObjectBuilder object;
  object.add_function("prog", "raw_tp/sys_enter", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE(session);
  CHECK(message(session->attach(session->plan().attach[0])) == "no error");
  REQUIRE(kernel.count<bpf::RawTracepointOpen>() == 1);
  CHECK(kernel.all<bpf::RawTracepointOpen>()[0].name == "sys_enter");
}
