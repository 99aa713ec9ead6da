// SPDX-License-Identifier: Apache-2.0
// What `bpfld prog`, `map` and `link` share: which object is meant (`id 7`, `name events`,
// `/sys/fs/bpf/x`), opening it, pinning it, and a table of actions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/style.h"
#include "loader/kernel_objects.h"

namespace bpfld::cli {

// spec: how an object was named on the command line.
struct Selector {
  enum class By : u8 { id, name, path };
  By by = By::id;
  u32 id = 0;
  std::string text;  // name (may hold * and ?), or path
  bool operator==(const Selector&) const = default;
};

// Takes a selector off the front of `words`. Errors: usage.
[[nodiscard]] Result<Selector> take_selector(std::span<const std::string>& words);
// "name \"events\"", for messages.
std::string text_of(const Selector& selector);

// All objects of the kind that it names: one, except for a name. Errors: not_found, usage (a path
// of something else), denied, kernel.
[[nodiscard]] Result<std::vector<loader::KernelObject>> open_selected(bpf::Kernel& kernel,
                                                                      bpf::ObjectKind kind,
                                                                      const Selector& selector);
// The same, for what changes something: one, or ambiguous with the ids in `detail`.
[[nodiscard]] Result<loader::KernelObject> open_one(bpf::Kernel& kernel, bpf::ObjectKind kind,
                                                    const Selector& selector);

u32 id_of(const loader::KernelObject& object);
std::string name_of(const loader::KernelObject& object);
// "program", "map", "link".
std::string_view noun_of(bpf::ObjectKind kind);

// Errors: those of the kernel, usage (the path is not below a bpf file system).
[[nodiscard]] Status pin(bpf::Kernel& kernel, const loader::KernelObject& object,
                         const std::string& path);
// Removes a pin of that kind, and nothing else: no other file, no symbolic link.
[[nodiscard]] Status unpin(bpf::Kernel& kernel, bpf::ObjectKind kind, const std::string& path);

// One run of `bpfld prog`, `map` or `link`: what an action gets.
struct Inspection {
  const Invocation& invocation;
  bpf::Kernel& kernel;
  bpf::ObjectKind kind;
  std::span<const std::string> words;  // after the action's name; selectors are taken off the front
  bool json = false;

  void print(std::string_view text) const { invocation.streams.out.write(text); }
  // On a terminal no row is wider than it.
  void print_table(std::string_view text) const {
    print(cut_lines(text, invocation.streams.out.columns()));
  }
};

struct InspectAction {
  std::string_view name;
  std::string_view operands;
  Status (*run)(Inspection&);
};

// Finds the action (`list` when there is none), runs it, reports its error; the exit status.
int run_inspection(const Invocation& invocation, bpf::ObjectKind kind, const CommandRow& row,
                   std::span<const InspectAction> actions);

using Rows = std::vector<std::vector<std::string>>;
// Adds an object's row, after the headings if it is the first; or prints it as JSON.
using AddRow = void (*)(const Inspection&, Rows&, const loader::KernelObject&);
// `list` and `show SELECTOR`.
[[nodiscard]] Status list_action(Inspection& inspection, AddRow add);
[[nodiscard]] Status show_action(Inspection& inspection, AddRow add);

// `pin SELECTOR PATH` and `unpin PATH`.
[[nodiscard]] Status pin_action(Inspection& inspection);
[[nodiscard]] Status unpin_action(Inspection& inspection);

// Fails with how the action is used, unless no words are left.
[[nodiscard]] Status expect_end(const Inspection& inspection);

}  // namespace bpfld::cli
