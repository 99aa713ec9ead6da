// SPDX-License-Identifier: Apache-2.0
// The documentation shows what the command prints: each "$ bpfld ..." of a ```console block in
// docs/*.md and README.md is run, in a folder with the built fixtures and examples, and what
// follows it must be what it printed (stdout, then stderr). A line "..." stands for lines left out.
// Blocks whose output depends on the kernel are plain ``` blocks, and nobody checks those.
// UPDATE_GOLDEN=1 writes the blocks that leave nothing out.
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/format.h"
#include "tests/cli/run_bpfld.h"
#include "tests/golden/golden.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;
namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  Lines out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    out.push_back(line);
  return out;
}

// The words of a command line; quotes group, and there is no other syntax.
Lines words_of(const std::string& line) {
  Lines words;
  char quote = '\0';
  bool open = false;
  for (const char c : line) {
    if (quote != '\0' ? c == quote : c == '\'' || c == '"') {
      quote = quote != '\0' ? '\0' : c;
      if (!open) words.emplace_back();
      open = true;
    } else if (c == ' ' && quote == '\0') {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back() += c;
    }
  }
  return words;
}

// Whether `found` is `expected`, in which a line "..." stands for any number of lines.
bool same(const Lines& expected, const Lines& found) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < expected.size(); i++) {
    if (expected[i] != "...") {
      if (at == found.size() || found[at++] != expected[i]) return false;
      continue;
    }
    if (i + 1 == expected.size()) return true;
    while (at < found.size() && found[at] != expected[i + 1])
      at++;
  }
  return at == found.size();
}

// A folder that has every built object by its file name.
void link_objects(const TempFolder& folder) {
  for (const char* root : {BPFLD_BUILD "/fixtures", BPFLD_BUILD "/examples"})
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root))
      if (entry.path().string().ends_with(".bpf.o"))
        fs::create_symlink(entry.path(), fs::path(folder.path()) / entry.path().filename());
}

// One page, with what the commands printed instead of what the page says they print.
std::string run_page(const std::string& path, const TempFolder& folder, u32& commands) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const Lines page = lines_of(text.str());
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < page.size(); i++) {
    out += page[i] + "\n";
    if (page[i].starts_with("```")) inside = !inside && page[i] == "```console";
    if (!inside || page[i].starts_with("```")) continue;
    REQUIRE_MESSAGE(page[i].starts_with("$ bpfld "), path, ":", i + 1, ": not a bpfld command");
    Lines expected;
    while (i + 1 < page.size() && !page[i + 1].starts_with("```") && !page[i + 1].starts_with("$ "))
      expected.push_back(page[++i]);
    const std::string& command = page[i - expected.size()];
    const Finished ran =
        run_command(words_of(command.substr(sizeof("$ bpfld"))), {.folder = folder.path()});
    const Lines found = lines_of(ran.out + ran.err);
    commands++;
    for (const std::string& line : same(expected, found) ? expected : found)
      out += line + "\n";
  }
  CHECK_MESSAGE(!inside, path, ": a block without an end");
  return out;
}

}  // namespace

TEST_CASE("golden: the documentation shows what the command prints") {
  const TempFolder folder;
  link_objects(folder);
  Lines pages = {"README.md"};
  for (const fs::directory_entry& entry : fs::directory_iterator("docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path().string());
  std::ranges::sort(pages);
  u32 commands = 0;
  for (const std::string& path : pages)
    check_file(path, run_page(path, folder, commands));
  CHECK(commands > 0);
}

TEST_CASE("golden: a line ... in the documentation stands for any lines, and nothing else does") {
  CHECK(same({"a", "...", "d"}, {"a", "b", "c", "d"}));
  CHECK(same({"a", "..."}, {"a", "b"}));
  CHECK_FALSE(same({"a", "...", "d"}, {"a", "b", "c"}));
  CHECK_FALSE(same({"a"}, {"a", "b"}));
  CHECK_FALSE(same({"a", "b"}, {"a"}));
}
