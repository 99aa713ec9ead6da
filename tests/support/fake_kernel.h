// SPDX-License-Identifier: Apache-2.0
// A kernel for tests: it remembers every request, hands out file descriptors that only it knows,
// and answers as the test's rules say; what no rule speaks about succeeds. A request that names a
// descriptor which is not open is answered with EBADF, as the real one would, so a loader that uses
// an fd too late or not at all fails by itself.
//
// The fds start at a million, far above any real one. fake_kernel.cc defines close() for the test
// program, so that it sees each of them being closed: open_fds() must be 0 when all is done, and an
// fd that is closed twice is counted in bad_closes().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bpf/kernel.h"

namespace bpfld::test {

// At most one lives at a time: the fds are the process's.
class FakeKernel final : public bpf::Kernel {
 public:
  static constexpr int kFirstFd = 1'000'000;

  FakeKernel();
  ~FakeKernel() override;
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  [[nodiscard]] Result<bpf::Reply> call(const bpf::Request& request) override;

  // Rules are asked in the order in which they were added; the first that answers decides.
  using Rule = std::function<std::optional<Result<bpf::Reply>>(const bpf::Request&)>;
  void add_rule(Rule rule) { rules_.push_back(std::move(rule)); }
  // Refuses what `matches`, with `log` as the verifier's words when a log was asked for.
  void refuse(std::function<bool(const bpf::Request&)> matches, int errno_value,
              std::string log = {});
  // Refuses the n-th request, from 0, and the same request when it is asked again with a log.
  void refuse_nth(std::size_t n, int errno_value);

  // Whether its BPF file system delegates something: few do.
  bool gives_tokens = false;

  std::vector<bpf::Request> requests;
  // describe() of each request.
  std::vector<std::string> transcript() const;
  template <typename R>
  std::size_t count() const {
    std::size_t n = 0;
    for (const bpf::Request& request : requests)
      n += std::holds_alternative<R>(request) ? 1u : 0u;
    return n;
  }
  // The requests of one kind, in order.
  template <typename R>
  std::vector<R> all() const {
    std::vector<R> out;
    for (const bpf::Request& request : requests)
      if (const R* r = std::get_if<R>(&request)) out.push_back(*r);
    return out;
  }

  // How many of the fds that were handed out are open.
  std::size_t open_fds() const;
  std::size_t fds_made() const;
  // Fds of ours that were closed when they were not open.
  static std::size_t bad_closes();
  // In the order in which they were closed.
  static const std::vector<int>& closed();

 private:
  std::vector<Rule> rules_;
};

// A refusal as LinuxKernel words it: the errno and the call's name, the log in `detail`.
Result<bpf::Reply> refusal(const bpf::Request& request, int errno_value, std::string log = {});

// The request without what only a second attempt has: its log.
bpf::Request without_log(bpf::Request request);

// What Linux 5.10 refuses of what a modern loader asks for: perf links, BTF kinds younger than
// itself, helpers younger than itself. With `memlock`, maps and programs are refused with EPERM
// until RaiseMemlock, as for a process with the default limit.
struct OldKernelOptions {
  bool memlock = false;
};
void make_5_10(FakeKernel& kernel, const OldKernelOptions& options = {});

}  // namespace bpfld::test
