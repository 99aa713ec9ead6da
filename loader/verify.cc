// SPDX-License-Identifier: Apache-2.0
// One Session per program, with an ear on its BPF_PROG_LOAD; see verify.h.
#include "loader/verify.h"

#include "base/escape.h"
#include "base/format.h"
#include "loader/program_target.h"
#include "loader/session.h"

namespace bpfld::loader {
namespace {

constexpr u32 kLogStats = 4;  // BPF_LOG_STATS

// Passes everything on, and keeps what the verifier said about the program: it is the only request
// of a load that asks for statistics; probes ask for nothing.
class Listener final : public bpf::Kernel {
 public:
  Listener(bpf::Kernel& inner, Examination& out) : inner_(inner), out_(out) {}

  [[nodiscard]] Result<bpf::Reply> call(const bpf::Request& request) override {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr || load->log_level != kLogStats) return inner_.call(request);
    const auto started = std::chrono::steady_clock::now();
    Result<bpf::Reply> reply = inner_.call(request);
    out_.load_time = std::chrono::steady_clock::now() - started;
    out_.reached_kernel = true;
    out_.log = reply ? reply->log : reply.error().detail;
    return reply;
  }

 private:
  bpf::Kernel& inner_;
  Examination& out_;
};

}  // namespace

Examination examine(const ObjectSpec& spec, u32 program, KernelProfile& profile,
                    bpf::Kernel& kernel) {
  Examination out;
  Listener listener(kernel, out);
  PlanOptions options;
  options.log_level = kLogStats;
  Result<Session> session =
      Session::load(spec, with_target_programs(spec, {program}), profile, listener, options);
  if (!session) {
    out.refusal = std::move(session).error();
  } else if (session->program_fd(program) == -1) {  // a plan leaves it out, with a note
    std::unexpected<Error> left_out =
        fail(Code::unsupported,
             "not loaded: no struct of the object has it as a callback that this kernel knows");
    left_out.error().context =
        format("program \"{}\"", escape_terminal(spec.programs[program].name));
    out.refusal = std::move(left_out).error();
  }
  return out;
}

}  // namespace bpfld::loader
