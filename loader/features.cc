// SPDX-License-Identifier: Apache-2.0
// The rows and their probes; see features.h.
#include "loader/features.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "bpf/uapi.h"
#include "btf/format.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;
using btf::Kind;

// clang-format off
constexpr std::array<FeatureRow, kFeatureCount> kRows = {{
    {Feature::perf_link,        "perf_link",        "5.15"},
    {Feature::memcg_accounting, "memcg_accounting", "5.11"},
    {Feature::btf_func,         "btf_func",         "5.0"},
    {Feature::btf_func_global,  "btf_func_global",  "5.6"},
    {Feature::btf_datasec,      "btf_datasec",      "5.2"},
    {Feature::btf_float,        "btf_float",        "5.13"},
    {Feature::btf_decl_tag,     "btf_decl_tag",     "5.16"},
    {Feature::btf_type_tag,     "btf_type_tag",     "5.17"},
    {Feature::btf_enum64,       "btf_enum64",       "6.0"},
    {Feature::tracing_link,     "tracing_link",     "5.19"},
    {Feature::token,            "token",            "6.9", Answer::yes},
}};
// clang-format on

consteval bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); i++)
    if (static_cast<std::size_t>(kRows[i].feature) != i) return false;
  return true;
}
static_assert(in_order());

// Makes the request, closes what came of it, and says what the answer means: success or `yes_errno`
// is yes, `no_errno` is no.
Answer ask(bpf::Kernel& kernel, const bpf::Request& request, int yes_errno, int no_errno) {
  const Result<bpf::Reply> reply = kernel.call(request);
  if (reply) {
    if (bpf::returns_fd(request)) UniqueFd(static_cast<int>(reply->value));
    return Answer::yes;
  }
  if (reply.error().errno_value == yes_errno) return Answer::yes;
  return reply.error().errno_value == no_errno ? Answer::no : Answer::unknown;
}

// A perf link of a real program on an event that does not exist: a kernel that knows such links
// looks for the event (EBADF); an older one finds no program type for the attach type (EINVAL).
Answer probe_perf_link(bpf::Kernel& kernel) {
  bpf::ProgLoad load;
  load.type = bpf::ProgType::tracepoint;
  load.license = "GPL";
  load.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  Result<bpf::Reply> loaded = kernel.call(load);
  if (!loaded && loaded.error().errno_value == EPERM) {
    // An old kernel charges the program to RLIMIT_MEMLOCK, and the rings of a perf buffer that is
    // already open may have used it up.
    const Result<bpf::Reply> raised = kernel.call(bpf::RaiseMemlock{});
    if (raised) loaded = kernel.call(load);
  }
  if (!loaded) return Answer::unknown;
  const UniqueFd program(static_cast<int>(loaded->value));
  bpf::LinkCreate create;
  create.program = Fd::number(program.get());
  create.target = Fd::number(0x7fffffff);
  create.attach_type = bpf::AttachType::perf_event;
  return ask(kernel, create, EBADF, EINVAL);
}

// bpf_ktime_get_coarse_ns came in the same release as memcg accounting, and nothing else tells.
Answer probe_memcg_accounting(bpf::Kernel& kernel) {
  bpf::ProgLoad request;
  request.type = bpf::ProgType::socket_filter;
  request.license = "GPL";
  request.insns = {bpf::call_helper(bpf::kFuncKtimeGetCoarseNs), bpf::mov64_imm(0, 0),
                   bpf::exit_insn()};
  return ask(kernel, request, 0, EINVAL);
}

// No such folder, or it is closed to us; nothing is delegated there; it was mounted for another
// user namespace, or this is the machine's own; a kernel without tokens.
Answer answer_without_token(const Error& error) {
  static constexpr int kNone[] = {ENOENT, EACCES, EPERM, EOPNOTSUPP, EINVAL};
  return std::ranges::find(kNone, error.errno_value) != std::end(kNone) ? Answer::no
                                                                        : Answer::unknown;
}

// The token is dropped at once: a plan asks for its own.
Answer probe_token(bpf::Kernel& kernel) {
  const Result<bpf::Reply> folder = kernel.call(bpf::OpenPath{std::string(kTokenFolder)});
  if (!folder) return answer_without_token(folder.error());
  const UniqueFd fd(static_cast<int>(folder->value));
  const Result<bpf::Reply> token = kernel.call(bpf::TokenCreate{Fd::number(fd.get())});
  if (!token) return answer_without_token(token.error());
  UniqueFd(static_cast<int>(token->value));
  return Answer::yes;
}

// A blob of the smallest types that hold the kind in question; type 1 is always `int`.
class ProbeBlob {
 public:
  ProbeBlob() { add(Kind::int_, 0, false, 4, {0x01000020}, true); }
  void add(Kind kind, u32 vlen, bool flag, u32 size_or_type, std::initializer_list<u32> tail,
           bool named) {
    words_.push_back(named ? 1 : 0);
    words_.push_back(btf::make_info(static_cast<u32>(kind), vlen, flag));
    words_.push_back(size_or_type);
    words_.insert(words_.end(), tail);
  }
  bpf::BtfLoad request() const {
    static constexpr std::string_view kStrings("\0x\0.bss\0", 8);  // offsets 1: "x", 3: ".bss"
    const u32 types = static_cast<u32>(words_.size() * sizeof(u32));
    const btf::Header header{.magic = btf::kMagic,
                             .version = btf::kVersion,
                             .flags = 0,
                             .header_size = sizeof(btf::Header),
                             .type_offset = 0,
                             .type_size = types,
                             .string_offset = types,
                             .string_size = kStrings.size()};
    bpf::BtfLoad out;
    for (Bytes part :
         {bytes_of(header), Bytes(std::as_bytes(std::span(words_))), bytes_of(kStrings)})
      out.blob.insert(out.blob.end(), part.begin(), part.end());
    return out;
  }
  void set_last_name(u32 offset, u32 record_words) {
    words_[words_.size() - record_words] = offset;
  }

 private:
  std::vector<u32> words_;
};

ProbeBlob blob_for(Feature feature) {
  ProbeBlob blob;
  const auto add_func = [&](u32 linkage) {
    blob.add(Kind::func_proto, 0, false, 0, {}, false);  // 2: void f(void)
    blob.add(Kind::func, linkage, false, 2, {}, true);   // 3
  };
  switch (feature) {
    case Feature::btf_func: add_func(0); break;
    case Feature::btf_func_global: add_func(1); break;
    case Feature::btf_datasec:
      blob.add(Kind::var, 0, false, 1, {0}, true);            // 2: static int x
      blob.add(Kind::datasec, 1, false, 4, {2, 0, 4}, true);  // 3: section .bss
      blob.set_last_name(3, 6);
      break;
    case Feature::btf_float: blob.add(Kind::float_, 0, false, 4, {}, true); break;
    case Feature::btf_decl_tag:
      blob.add(Kind::var, 0, false, 1, {0}, true);
      blob.add(Kind::decl_tag, 0, false, 2, {0xffffffff}, true);
      break;
    case Feature::btf_type_tag:
      blob.add(Kind::type_tag, 0, false, 1, {}, true);
      blob.add(Kind::ptr, 0, false, 2, {}, false);
      break;
    case Feature::btf_enum64: blob.add(Kind::enum64, 1, false, 8, {1, 0, 0}, true); break;
    case Feature::tracing_link:
    case Feature::perf_link:
    case Feature::memcg_accounting:
    case Feature::token: break;
  }
  return blob;
}

// Attach types that both BPF_LINK_CREATE and BPF_RAW_TRACEPOINT_OPEN know.
bool is_traced(bpf::AttachType type) {
  using enum bpf::AttachType;
  return type == trace_raw_tp || type == trace_fentry || type == trace_fexit ||
         type == modify_return || type == lsm_mac;
}

}  // namespace

std::span<const FeatureRow> feature_rows() {
  return kRows;
}

std::vector<Feature> suspects(const bpf::Request& request, int errno_value) {
  const bpf::LinkCreate* link = std::get_if<bpf::LinkCreate>(&request);
  if (link != nullptr && link->attach_type == bpf::AttachType::perf_event && errno_value == EINVAL)
    return {Feature::perf_link};
  if (link != nullptr && errno_value == EINVAL && is_traced(link->attach_type))
    return {Feature::tracing_link};
  if (std::holds_alternative<bpf::BtfLoad>(request) && errno_value == EINVAL)
    return {Feature::btf_func,  Feature::btf_func_global, Feature::btf_datasec,
            Feature::btf_float, Feature::btf_decl_tag,    Feature::btf_type_tag,
            Feature::btf_enum64};
  const bool charged = std::holds_alternative<bpf::MapCreate>(request) ||
                       std::holds_alternative<bpf::ProgLoad>(request) ||
                       std::holds_alternative<bpf::BtfLoad>(request);
  if (charged && errno_value == EPERM) return {Feature::memcg_accounting, Feature::token};
  return {};
}

Answer probe(Feature feature, bpf::Kernel& kernel) {
  // Nothing tells but trying: a program to ask with would need a BTF id. The other way works on
  // every kernel that has such programs, so taking it is no loss.
  if (feature == Feature::tracing_link) return Answer::no;
  if (feature == Feature::perf_link) return probe_perf_link(kernel);
  if (feature == Feature::memcg_accounting) return probe_memcg_accounting(kernel);
  if (feature == Feature::token) return probe_token(kernel);
  return ask(kernel, blob_for(feature).request(), 0, EINVAL);
}

}  // namespace bpfld::loader
