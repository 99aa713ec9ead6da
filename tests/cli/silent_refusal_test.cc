// SPDX-License-Identifier: Apache-2.0
// What is told of a refusal without a word: by kernels that lack one thing each.
#include "cli/silent_refusal.h"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>

#include "cli/load_failure.h"
#include "loader/collect.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/objects.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using bpf::AttachType;
using bpf::ProgLoad;
using bpf::ProgType;
using test::FakeKernel;

ProgLoad program(ProgType type, AttachType attach = {}, u32 flags = 0) {
  ProgLoad out;
  out.type = type;
  out.expected_attach_type = attach;
  out.flags = flags;
  out.license = "GPL";
  out.insns = {bpf::mov64_imm(0, 1), bpf::mov64_imm(1, 1), bpf::exit_insn()};
  return out;
}

Error refusal(int errno_value = EINVAL, std::string log = {}) {
  Error error;
  error.code = log.empty() ? Code::kernel : Code::rejected;
  error.errno_value = errno_value;
  error.what = "bpf(BPF_PROG_LOAD)";
  error.context = "program \"prog\"";
  error.detail = std::move(log);
  return error;
}

// A kernel that refuses without a word what `lacks` is true of.
SilentRefusal told(const ProgLoad& load, std::function<bool(const ProgLoad&)> lacks,
                   int errno_value = EINVAL) {
  FakeKernel kernel;
  kernel.refuse(
      [&](const bpf::Request& request) {
        const ProgLoad* asked = std::get_if<ProgLoad>(&request);
        return asked != nullptr && lacks(*asked);
      },
      errno_value);
  const SilentRefusal out = explain_silence(load, refusal(errno_value), "open", &kernel);
  CHECK(kernel.open_fds() == 0);
  return out;
}

constexpr std::string_view kNothingLookedAt =
    "verification time 4 usec\nprocessed 0 insns (limit 1000000) max_states_per_insn 0 "
    "total_states 0 peak_states 0 mark_read 0\n";

}  // namespace

TEST_CASE("silent refusal: a program type that the kernel was built without") {
  const SilentRefusal found =
      told(program(ProgType::lirc_mode2, AttachType::lirc_mode2),
           [](const ProgLoad& load) { return load.type == ProgType::lirc_mode2; });
  CHECK(found.sentence == "this kernel has no programs of type lirc_mode2, which came with v4.18");
  CHECK(found.option == "CONFIG_BPF_LIRC_MODE2");
  CHECK(found.since == "4.18");
  CHECK(found.is_certain);
}

TEST_CASE("silent refusal: an attach type that the kernel does not know") {
  const SilentRefusal found =
      told(program(ProgType::cgroup_sock_addr, AttachType::cgroup_unix_connect),
           [](const ProgLoad& load) {
             return load.type == ProgType::cgroup_sock_addr &&
                    load.expected_attach_type != AttachType::cgroup_inet4_connect;
           });
  CHECK(found.sentence ==
        "this kernel has programs of type cgroup_sock_addr, but not for cgroup_unix_connect, which "
        "came with v6.7");
  CHECK(found.option.empty());
  CHECK(found.is_certain);
}

TEST_CASE("silent refusal: a flag that the kernel does not know") {
  const SilentRefusal frags = told(program(ProgType::xdp, AttachType::xdp, bpf::kProgXdpHasFrags),
                                   [](const ProgLoad& load) { return load.flags != 0; });
  CHECK(frags.sentence.find("BPF_F_XDP_HAS_FRAGS, which came with v5.18") != std::string::npos);
  CHECK(frags.is_certain);
  const SilentRefusal sleepable = told(program(ProgType::kprobe, {}, bpf::kProgSleepable),
                                       [](const ProgLoad& load) { return load.flags != 0; });
  CHECK(sleepable.sentence.find("BPF_F_SLEEPABLE, which came with v5.10") != std::string::npos);
}

TEST_CASE("silent refusal: a target by BTF where the type takes none") {
  ProgLoad load = program(ProgType::kprobe);
  load.attach_btf_id = 7;
  const SilentRefusal found =
      told(load, [](const ProgLoad& asked) { return asked.attach_btf_id != 0; });
  CHECK(found.sentence ==
        "this kernel takes no target that is named by BTF for programs of type kprobe");
  CHECK(found.is_certain);
}

TEST_CASE("silent refusal: what is left is the program's own code") {
  ProgLoad load = program(ProgType::xdp, AttachType::xdp);
  const auto is_whole = [](const ProgLoad& asked) { return asked.insns.size() == 3; };
  CHECK(told(load, is_whole).sentence ==
        "the kernel looks at other programs of type xdp: it does not know something that comes "
        "with this one's code");
  load.fd_array = {bpf::Fd::number(3)};
  CHECK(told(load, is_whole, E2BIG)
            .sentence.ends_with(
                ", such as its calls of functions in modules, which came with v5.14"));
}

TEST_CASE("silent refusal: a program that the verifier has words for is one that is looked at") {
  FakeKernel kernel;
  kernel.refuse(
      [](const bpf::Request& request) {
        const ProgLoad* load = std::get_if<ProgLoad>(&request);
        return load != nullptr && load->flags != 0;
      },
      EINVAL);
  kernel.refuse([](const bpf::Request&) { return true; }, EINVAL,
                "Tracing programs must provide btf_id\n");
  const SilentRefusal found =
      explain_silence(program(ProgType::tracing, AttachType::trace_fentry, bpf::kProgSleepable),
                      refusal(), "open", &kernel);
  CHECK(found.sentence.find("BPF_F_SLEEPABLE") != std::string::npos);
}

TEST_CASE("silent refusal: a kernel that takes nothing at all proves nothing") {
  const SilentRefusal found = told(program(ProgType::lirc_mode2, AttachType::lirc_mode2),
                                   [](const ProgLoad&) { return true; });
  CHECK_FALSE(found.is_certain);
  CHECK(found.sentence ==
        "the kernel refused with EINVAL and wrote no log; it does so when it has no programs of "
        "type lirc_mode2, which came with v4.18 and needs CONFIG_BPF_LIRC_MODE2; or has none for "
        "lirc_mode2, which came with v4.18");
}

TEST_CASE("silent refusal: without a kernel to ask only what the request itself tells is certain") {
  ProgLoad large = program(ProgType::xdp);
  large.insns.assign(1'000'001, bpf::mov64_imm(0, 0));
  const SilentRefusal found = explain_silence(large, refusal(E2BIG), "", nullptr);
  CHECK(found.is_certain);
  CHECK(found.sentence == "the program has 1000001 instructions; the kernel takes 1000000");
  large.insns.resize(5000);
  CHECK(explain_silence(large, refusal(E2BIG), "", nullptr).sentence ==
        "the program has 5000 instructions; without CAP_BPF, and before v5.2, the kernel takes "
        "4096");
  CHECK_FALSE(explain_silence(program(ProgType::xdp), refusal(), "", nullptr).is_certain);
}

TEST_CASE("silent refusal: a target that the verifier refuses without a word") {
  ProgLoad load = program(ProgType::tracing, AttachType::trace_fentry);
  load.attach_btf_id = 7;
  const Error silent = refusal(EINVAL, std::string(kNothingLookedAt));
  FakeKernel kernel;
  kernel.refuse([](const bpf::Request&) { return true; }, EINVAL, std::string(kNothingLookedAt));
  const SilentRefusal found = explain_silence(load, silent, "migrate_disable", &kernel);
  CHECK(found.is_certain);
  CHECK(found.sentence ==
        "this kernel lets no tracing program be on migrate_disable: what enters and leaves such "
        "programs calls it itself");
  // The same function takes an fentry program: so it is the attach type.
  load.expected_attach_type = AttachType::trace_fsession;
  FakeKernel has_fentry;
  has_fentry.refuse(
      [](const bpf::Request& request) {
        return std::get<ProgLoad>(request).expected_attach_type != AttachType::trace_fentry;
      },
      EINVAL, std::string(kNothingLookedAt));
  CHECK(explain_silence(load, silent, "do_unlinkat", &has_fentry)
            .sentence.starts_with("this kernel has programs of type tracing, but not for "
                                  "trace_fsession"));
  CHECK(has_fentry.open_fds() == 0);
  CHECK_FALSE(explain_silence(load, silent, "do_unlinkat", nullptr).is_certain);
  load.expected_attach_type = AttachType::trace_iter;
  CHECK(explain_silence(load, silent, "bpf_iter_x", &kernel)
            .sentence.starts_with(
                "this kernel describes the iterator bpf_iter_x but offers it to no program"));
  FakeKernel takes_it;
  CHECK(explain_silence(load, silent, "bpf_iter_x", &takes_it).sentence.empty());
}

TEST_CASE("silent refusal: what has words, or an errno that says it all, is none") {
  CHECK(is_silent(refusal()));
  CHECK(is_silent(refusal(EINVAL, std::string(kNothingLookedAt))));
  CHECK_FALSE(is_silent(refusal(EINVAL, "R0 !read_ok\n")));
  CHECK_FALSE(is_silent(refusal(EPERM)));
  CHECK_FALSE(is_silent(refusal(ENOMEM)));
  Error map = refusal();
  map.what = "bpf(BPF_MAP_CREATE)";
  CHECK_FALSE(is_silent(map));
}

TEST_CASE("silent refusal: verify and run say the same of a program without a log") {
  test::ObjectBuilder object;
  object.add_function("prog", "lirc_mode2", {bpf::mov64_imm(0, 0), bpf::exit_insn()});
  const Result<loader::ObjectSpec> spec = loader::collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, test::message(spec));
  const loader::KernelProfile profile;
  const loader::Selection selection = {0};
  FakeKernel kernel;
  kernel.refuse(
      [](const bpf::Request& request) {
        const ProgLoad* load = std::get_if<ProgLoad>(&request);
        return load != nullptr && load->type == ProgType::lirc_mode2;
      },
      EINVAL);
  const LoadAttempt attempt = {.object = "x.o",
                               .spec = *spec,
                               .selection = selection,
                               .profile = profile,
                               .kernel = &kernel};
  const std::string reason = refusal_reason(refusal(), attempt, 0);
  CHECK(
      reason.starts_with("this kernel has no programs of type lirc_mode2, which came with v4.18"));
  CHECK(reason.find("CONFIG_BPF_LIRC_MODE2") != std::string::npos);
  const Report report = explain_load_failure(refusal(), attempt, Facts());
  CHECK(report.what == "prog: " + reason);
  CHECK(report.why == "the kernel refused it with EINVAL and did not say why");
  CHECK(report.exit == Exit::kernel);
  // A kernel that is older than the option has none to be told of.
  loader::KernelProfile old;
  old.release = "4.9.0-1-amd64";
  const LoadAttempt before = {
      .object = "x.o", .spec = *spec, .selection = selection, .profile = old, .kernel = &kernel};
  CHECK(refusal_reason(refusal(), before, 0) ==
        "this kernel has no programs of type lirc_mode2, which came with v4.18");
}
