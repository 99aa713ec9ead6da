// SPDX-License-Identifier: Apache-2.0
// Any bytes give an object or an error; the same bytes give the same one; what parses can be
// described.
#include <cstddef>

#include "elf/describe.h"
#include "fuzz/require.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;

std::string describe(const Object& object) {
  return describe_sections(object) + describe_symbols(object) + describe_relocations(object);
}

void require_consistent(const Object& object) {
  for (const Section& section : object.sections()) {
    fuzz::require(section.data.empty() || section.data.size() == section.size,
                  "bytes are sh_size long");
    const RelocationTable* table = object.relocations_for(section.index);
    fuzz::require(table == nullptr || table->target == section.index,
                  "relocations patch their target");
  }
  for (const Symbol& symbol : object.symbols())
    fuzz::require(!symbol.is_in_section() || symbol.section < object.sections().size(),
                  "a symbol's section exists");
  for (const RelocationTable& table : object.relocation_tables())
    for (const Relocation& relocation : table.relocations)
      fuzz::require(relocation.symbol < object.symbols().size(), "a relocation's symbol exists");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  const Bytes file = std::as_bytes(std::span(data, size));
  const Result<Object> first = Object::parse(file);
  const Result<Object> second = Object::parse(file);
  fuzz::require(first.has_value() == second.has_value(), "the same bytes give the same answer");
  if (!first) {
    fuzz::require(first.error() == second.error(), "the same bytes give the same error");
    fuzz::require_good_error(first.error());
    return 0;
  }
  require_consistent(*first);
  const std::string text = describe(*first);
  fuzz::require_printable(text);
  fuzz::require(text == describe(*second), "the same bytes give the same description");
  return 0;
}
