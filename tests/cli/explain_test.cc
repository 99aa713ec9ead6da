// SPDX-License-Identifier: Apache-2.0
// The story of an object is told whatever is in the object.
#include "cli/explain.h"

#include <doctest/doctest.h>

#include "base/escape.h"
#include "base/mapped_file.h"
#include "loader/collect.h"
#include "tests/support/objects.h"

namespace {

using namespace bpfld;

// Empty when the bytes are no object.
std::string story_of(const std::vector<std::byte>& file) {
  const Result<elf::Object> object = elf::Object::parse(file);
  const Result<loader::ObjectSpec> spec = loader::collect(file, "x");
  if (!object || !spec) return {};
  const loader::KernelProfile profile;
  const loader::Selection selection = loader::autoload_programs(*spec);
  cli::Story story = cli::make_story("x.bpf.o", *object, *spec, selection, profile);
  story.all = true;
  std::string text;
  for (const cli::Chapter& chapter : cli::explain_story(story, ""))
    text += cli::to_text(chapter, 1, cli::Style(), 120) + cli::to_json(chapter);
  return text;
}

}  // namespace

TEST_CASE("explain: changed bytes of an object give a story that is safe to print") {
  u32 told = 0;
  for (const char* name : {"fixtures/minimal.bpf.o", "fixtures/subprogs.bpf.o"}) {
    const Result<std::vector<std::byte>> file = read_file(test::build_path(name));
    REQUIRE(file);
    std::vector<std::byte> changed = *file;
    for (std::size_t at = 0; at < changed.size(); at += 31) {
      const std::byte old = changed[at];
      changed[at] = std::byte{0x1b};
      const std::string text = story_of(changed);
      told += text.empty() ? 0 : 1;
      if (escape_lines(text) != text) FAIL("byte " << at << " of " << name << " is printed as is");
      changed[at] = old;
    }
  }
  CHECK(told > 100);
}

TEST_CASE("explain: a step is what --step names, all of them without one") {
  CHECK(cli::explain_steps() ==
        std::vector<std::string_view>{"elf", "maps", "relo", "core", "load", "attach"});
  const Result<std::vector<std::byte>> file = read_file(test::build_path("fixtures/minimal.bpf.o"));
  REQUIRE(file);
  CHECK(!story_of(*file).empty());
}
