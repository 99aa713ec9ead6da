// SPDX-License-Identifier: Apache-2.0
// See inspect.h.
#include "cli/inspect.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "cli/facts.h"
#include "cli/hints.h"

namespace bpfld::cli {
namespace {

using bpf::ObjectKind;
using loader::KernelObject;

constexpr u64 kBpfFsMagic = 0xcafe4a11;  // include/uapi/linux/magic.h

// What the fd is of: the kernel says it in the name of its anonymous inode.
bool is_of_kind(int fd, ObjectKind kind) {
  char target[64] = {};
  const std::string path = format("/proc/self/fd/{}", fd);
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target - 1);
  if (length < 0) return true;  // no /proc: the kernel will say
  const std::string_view name(target, static_cast<std::size_t>(length));
  switch (kind) {
    case ObjectKind::program: return name.find("bpf-prog") != name.npos;
    case ObjectKind::map: return name.find("bpf-map") != name.npos;
    case ObjectKind::link:
      return name.find("bpf_link") != name.npos || name.find("bpf-link") != name.npos;
    case ObjectKind::btf: return name.find("btf") != name.npos;
  }
  std::unreachable();
}

Result<KernelObject> open_path(bpf::Kernel& kernel, ObjectKind kind, const std::string& path) {
  const bpf::Reply reply =
      TRY(with_context(kernel.call(bpf::ObjGet{.path = path, .of_anyone = true}),
                       [&] { return escape_terminal(path); }));
  UniqueFd fd(static_cast<int>(reply.value));
  if (!is_of_kind(fd.get(), kind))
    return fail(Code::usage, "{} is no {}", escape_terminal(path), noun_of(kind));
  return loader::describe_object(kernel, kind, std::move(fd));
}

// Splits off the last component; "." when there is no folder.
std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Result<UniqueFd> open_bpf_folder(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno(errno, "{}", escape_terminal(path));
  struct statfs status = {};
  if (::fstatfs(folder.get(), &status) != 0) return fail_errno(errno, "{}", escape_terminal(path));
  if (static_cast<u64>(status.f_type) != kBpfFsMagic)
    return fail(Code::usage, "{} is not in a bpf file system, which is usually /sys/fs/bpf",
                escape_terminal(path));
  return folder;
}

int report(const Inspection& inspection, const Error& error, const CommandRow& row) {
  Streams& streams = inspection.invocation.streams;
  if (error.code == Code::usage) return report_usage(error, &row, streams);
  const Facts facts = read_facts();
  Report found;
  found.what = error.message();
  found.near = error.detail;
  found.exit = error.code == Code::denied ? Exit::permission : Exit::internal;
  if (error.code == Code::denied && !facts.may_have(Capability::sys_admin)) {
    found.why = "what others have loaded is for CAP_SYS_ADMIN to see";
    found.hint = "sudo bpfld ...";
  }
  const Style style = style_for(inspection.invocation.arguments, streams.err);
  streams.say(inspection.json ? to_json(found) : to_text(found, style));
  return static_cast<int>(found.exit);
}

std::unexpected<Error> unknown_action(const std::string& name, const CommandRow& row,
                                      std::span<const InspectAction> actions) {
  std::unexpected<Error> failure =
      fail(Code::usage, "{} cannot \"{}\"", row.name, escape_terminal(name));
  std::vector<std::string_view> names;
  for (const InspectAction& action : actions)
    names.push_back(action.name);
  for (const std::string_view near : nearest(name, names, 3))
    failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
  return failure;
}

}  // namespace

Result<Selector> take_selector(std::span<const std::string>& words) {
  Selector out;
  if (!words.empty() && words[0].find('/') != std::string::npos) {
    out.by = Selector::By::path;
    out.text = words[0];
    words = words.subspan(1);
    return out;
  }
  if (words.size() < 2 || (words[0] != "id" && words[0] != "name"))
    return fail(Code::usage, "name one: id N, name NAME, or the path of a pin");
  const std::string& value = words[1];
  if (words[0] == "name") {
    out.by = Selector::By::name;
    out.text = value;
  } else {
    const char* end = value.data() + value.size();
    const std::from_chars_result done = std::from_chars(value.data(), end, out.id);
    if (done.ec != std::errc() || done.ptr != end || out.id == 0)
      return fail(Code::usage, "an id is a number, not \"{}\"", escape_terminal(value));
  }
  words = words.subspan(2);
  return out;
}

std::string text_of(const Selector& selector) {
  switch (selector.by) {
    case Selector::By::id: return format("id {}", selector.id);
    case Selector::By::name: return format("name \"{}\"", escape_terminal(selector.text));
    case Selector::By::path: return escape_terminal(selector.text);
  }
  std::unreachable();
}

std::string_view noun_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::program: return "program";
    case ObjectKind::map: return "map";
    case ObjectKind::link: return "link";
    case ObjectKind::btf: return "BTF";
  }
  std::unreachable();
}

u32 id_of(const KernelObject& object) {
  return load_checked<u32>(object.info, object.kind == ObjectKind::btf ? 12 : 4);
}

std::string name_of(const KernelObject& object) {
  if (object.kind == ObjectKind::program) return bpf::decode_program_info(object.info).name;
  if (object.kind == ObjectKind::map) return bpf::decode_map_info(object.info).name;
  return {};
}

Result<std::vector<KernelObject>> open_selected(bpf::Kernel& kernel, ObjectKind kind,
                                                const Selector& selector) {
  std::vector<KernelObject> out;
  if (selector.by == Selector::By::path) {
    out.push_back(TRY(open_path(kernel, kind, selector.text)));
    return out;
  }
  if (selector.by == Selector::By::id) {
    Result<KernelObject> object = loader::open_object(kernel, kind, selector.id);
    if (!object && object.error().errno_value == ENOENT)
      return fail(Code::not_found, "there is no {} with id {}", noun_of(kind), selector.id);
    out.push_back(TRY(std::move(object)));
    return out;
  }
  // The kernel keeps 15 bytes of a name; who gives more means that one.
  const std::string shown = selector.text.substr(0, bpf::kObjectNameLength - 1);
  TRY(loader::for_each_object(kernel, kind, [&](KernelObject object) {
    const std::string name = name_of(object);
    if (glob_matches(selector.text, name) || name == shown) out.push_back(std::move(object));
    return true;
  }));
  if (out.empty())
    return fail(Code::not_found, "there is no {} with {}", noun_of(kind), text_of(selector));
  return out;
}

Result<KernelObject> open_one(bpf::Kernel& kernel, ObjectKind kind, const Selector& selector) {
  std::vector<KernelObject> found = TRY(open_selected(kernel, kind, selector));
  if (found.size() == 1) return std::move(found.front());
  std::unexpected<Error> failure = fail(Code::ambiguous, "{} is {} {}s: take one by its id",
                                        text_of(selector), found.size(), noun_of(kind));
  for (std::size_t i = 0; i < found.size() && i < 16; i++)
    failure.error().detail += format("{}id {}", i == 0 ? "" : ", ", id_of(found[i]));
  return failure;
}

Status pin(bpf::Kernel& kernel, const KernelObject& object, const std::string& path) {
  TRY(kernel.call(bpf::ObjPin{bpf::Fd::number(object.fd.get()), path}));
  return {};
}

Status unpin(bpf::Kernel& kernel, ObjectKind kind, const std::string& path) {
  const auto [folder_path, name] = split_path(path);
  const UniqueFd folder = TRY(open_bpf_folder(folder_path));
  struct stat status = {};
  if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return fail_errno(errno, "{}", escape_terminal(path));
  if (!S_ISREG(status.st_mode)) return fail(Code::usage, "{} is no pin", escape_terminal(path));
  TRY(open_path(kernel, kind, path));
  if (::unlinkat(folder.get(), name.c_str(), 0) != 0)
    return fail_errno(errno, "{}", escape_terminal(path));
  return {};
}

Status expect_end(const Inspection& inspection) {
  if (inspection.words.empty()) return {};
  return fail(Code::usage, "\"{}\" is one operand too many",
              escape_terminal(inspection.words.front()));
}

Status list_action(Inspection& inspection, AddRow add) {
  TRY(expect_end(inspection));
  Rows rows;
  TRY(loader::for_each_object(inspection.kernel, inspection.kind, [&](KernelObject object) {
    add(inspection, rows, object);
    return true;
  }));
  inspection.print_table(align(rows));
  if (rows.empty() && !inspection.json)
    inspection.invocation.streams.say(
        format("bpfld: the kernel has no {}s\n", noun_of(inspection.kind)));
  return {};
}

Status show_action(Inspection& inspection, AddRow add) {
  const Selector selector = TRY(take_selector(inspection.words));
  TRY(expect_end(inspection));
  Rows rows;
  for (const KernelObject& object :
       TRY(open_selected(inspection.kernel, inspection.kind, selector)))
    add(inspection, rows, object);
  inspection.print_table(align(rows));
  return {};
}

Status pin_action(Inspection& inspection) {
  const Selector selector = TRY(take_selector(inspection.words));
  if (inspection.words.size() != 1) return fail(Code::usage, "pin needs one path");
  const KernelObject object = TRY(open_one(inspection.kernel, inspection.kind, selector));
  return pin(inspection.kernel, object, inspection.words[0]);
}

Status unpin_action(Inspection& inspection) {
  if (inspection.words.size() != 1) return fail(Code::usage, "unpin needs one path");
  return unpin(inspection.kernel, inspection.kind, inspection.words[0]);
}

int run_inspection(const Invocation& invocation, ObjectKind kind, const CommandRow& row,
                   std::span<const InspectAction> actions) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  const std::string_view output = invocation.arguments.value("output");
  if (!output.empty() && output != "columns" && output != "json") {
    const std::unexpected<Error> failure =
        fail(Code::usage, "-o takes columns or json, not \"{}\"", escape_terminal(output));
    return report_usage(failure.error(), &row, invocation.streams);
  }
  const std::string name = operands.empty() ? "list" : operands[0];
  const auto action = std::ranges::find(actions, name, &InspectAction::name);
  if (action == actions.end())
    return report_usage(unknown_action(name, row, actions).error(), &row, invocation.streams);
  bpf::LinuxKernel kernel;
  Inspection inspection{.invocation = invocation,
                        .kernel = kernel,
                        .kind = kind,
                        .words = std::span(operands).subspan(operands.empty() ? 0 : 1),
                        .json = output == "json"};
  Status done = action->run(inspection);
  if (done) return 0;
  if (done.error().code == Code::usage)
    done.error().what +=
        format("; usage: bpfld {} {} {}", row.name, action->name, action->operands);
  return report(inspection, done.error(), row);
}

}  // namespace bpfld::cli
