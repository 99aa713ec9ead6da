// SPDX-License-Identifier: Apache-2.0
// See fake_kernel.h. The table of fds is global because close() is.
#include "tests/support/fake_kernel.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

#include <sys/syscall.h>

#include "bpf/request_fds.h"
#include "btf/view.h"

namespace bpfld::test {
namespace {

struct FdTable {
  std::vector<bool> open;  // by fd - kFirstFd
  std::vector<int> closed;
  std::size_t bad_closes = 0;
};
FdTable& table() {
  static FdTable fds;
  return fds;
}

bool is_open(int fd) {
  const std::size_t index = static_cast<std::size_t>(fd - FakeKernel::kFirstFd);
  return fd >= FakeKernel::kFirstFd && index < table().open.size() && table().open[index];
}

int close_fake(int fd) {
  if (!is_open(fd)) {
    table().bad_closes++;
    errno = EBADF;
    return -1;
  }
  table().open[static_cast<std::size_t>(fd - FakeKernel::kFirstFd)] = false;
  table().closed.push_back(fd);
  return 0;
}

u32 log_level(const bpf::Request& request) {
  if (const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request)) return load->log_level;
  if (const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request)) return load->log_level;
  return 0;
}

}  // namespace

FakeKernel::FakeKernel() {
  table() = {};
}
FakeKernel::~FakeKernel() {
  table() = {};
}

Result<bpf::Reply> FakeKernel::call(const bpf::Request& request) {
  requests.push_back(request);
  for (const Rule& rule : rules_)
    if (std::optional<Result<bpf::Reply>> answer = rule(request)) return *std::move(answer);
  bool all_open = true;
  bpf::Request copy = request;
  bpf::for_each_fd(copy, [&](bpf::Fd& fd) { all_open &= !fd.is_set() || is_open(fd.get()); });
  if (!all_open) return refusal(request, EBADF);
  if (std::holds_alternative<bpf::NextId>(request)) return refusal(request, ENOENT);
  if (std::holds_alternative<bpf::TokenCreate>(request) && !gives_tokens)
    return refusal(request, ENOENT);
  bpf::Reply reply;
  if (bpf::returns_fd(request)) {
    reply.value = kFirstFd + static_cast<i64>(table().open.size());
    table().open.push_back(true);
  }
  if (const bpf::MapLookup* lookup = std::get_if<bpf::MapLookup>(&request))
    reply.data.resize(lookup->value_size);
  return reply;
}

void FakeKernel::refuse(std::function<bool(const bpf::Request&)> matches, int errno_value,
                        std::string log) {
  add_rule([matches = std::move(matches), errno_value, log = std::move(log)](
               const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (!matches(request)) return std::nullopt;
    return refusal(request, errno_value, log_level(request) != 0 ? log : std::string());
  });
}

void FakeKernel::refuse_nth(std::size_t n, int errno_value) {
  add_rule(
      [this, n, errno_value](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
        if (requests.size() <= n) return std::nullopt;
        const bool again = log_level(request) != 0 && without_log(request) == requests[n];
        if (requests.size() != n + 1 && !again) return std::nullopt;
        return refusal(request, errno_value);
      });
}

std::vector<std::string> FakeKernel::transcript() const {
  std::vector<std::string> out;
  for (const bpf::Request& request : requests)
    out.push_back(bpf::describe(request));
  return out;
}

std::size_t FakeKernel::open_fds() const {
  return static_cast<std::size_t>(std::ranges::count(table().open, true));
}
std::size_t FakeKernel::fds_made() const {
  return table().open.size();
}
std::size_t FakeKernel::bad_closes() {
  return table().bad_closes;
}
const std::vector<int>& FakeKernel::closed() {
  return table().closed;
}

Result<bpf::Reply> refusal(const bpf::Request& request, int errno_value, std::string log) {
  std::unexpected<Error> failure = fail_errno(errno_value, "{}", bpf::call_name(request));
  failure.error().detail = std::move(log);
  return failure;
}

bpf::Request without_log(bpf::Request request) {
  if (bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request))
    load->log_level = load->log_size = 0;
  if (bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request))
    load->log_level = load->log_size = 0;
  return request;
}

namespace {

constexpr i32 kLastHelper_5_10 = 155;  // bpf_redirect_peer

bool has_new_kinds(const bpf::BtfLoad& load) {
  const Result<btf::View> view = btf::View::parse(load.blob);
  if (!view) return true;
  for (u32 id = 1; id < view->count(); id++)
    if (view->kind({id}) > btf::Kind::datasec) return true;  // FLOAT came in 5.13
  return false;
}

bool is_too_new(const bpf::Request& request) {
  if (const bpf::LinkCreate* link = std::get_if<bpf::LinkCreate>(&request))
    return link->attach_type == bpf::AttachType::perf_event;
  if (const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request)) return has_new_kinds(*load);
  if (const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request))
    return std::ranges::any_of(load->insns, [](const bpf::Insn& insn) {
      return insn.is_helper_call() && insn.imm > kLastHelper_5_10;
    });
  return false;
}

}  // namespace

void make_5_10(FakeKernel& kernel, const OldKernelOptions& options) {
  if (options.memlock) {
    kernel.refuse(
        [&kernel](const bpf::Request& request) {
          const bool charged = std::holds_alternative<bpf::MapCreate>(request) ||
                               std::holds_alternative<bpf::ProgLoad>(request);
          return charged && kernel.count<bpf::RaiseMemlock>() == 0;
        },
        EPERM);
  }
  kernel.refuse(is_too_new, EINVAL, "too new for this kernel\n");
}

}  // namespace bpfld::test

// In place of the C library's. NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" int close(int fd) {
  if (fd >= bpfld::test::FakeKernel::kFirstFd) return bpfld::test::close_fake(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}
