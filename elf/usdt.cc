// SPDX-License-Identifier: Apache-2.0
// .note.stapsdt; see usdt.h.
#include "elf/usdt.h"

#include "elf/format.h"

namespace bpfld::elf {
namespace {

constexpr std::string_view kOwner = "stapsdt";
constexpr u32 kNoteProbe = 3;
constexpr std::size_t kMaxNotes = 1u << 20;

constexpr u64 padded(u64 size) {
  return (size + 3) & ~u64{3};
}

// Steps over the bytes of `size`, and over the padding unless the section ends in it.
Result<Bytes> take_padded(Cursor& cursor, u64 size) {
  const Bytes bytes = TRY(cursor.take(size));
  TRY(cursor.take(std::min(padded(size) - size, cursor.left())));
  return bytes;
}

// Addresses in a note are those of the link step. A tool that moved the file's segments since then
// (prelink) did not touch the note, but moved .stapsdt.base, whose address the note has too.
Result<UsdtNote> read_note(Bytes contents, ByteOrder order,
                           const std::optional<Executable::Section>& base) {
  Cursor cursor(contents, order);
  UsdtNote note;
  note.address = TRY(cursor.next<u64>());
  const u64 linked_base = TRY(cursor.next<u64>());
  note.semaphore = TRY(cursor.next<u64>());
  if (base) {
    const u64 shift = base->address - linked_base;  // may wrap: moved down
    note.address += shift;
    if (note.semaphore != 0) note.semaphore += shift;
  }
  note.provider = TRY(cursor.next_string());
  note.name = TRY(cursor.next_string());
  note.arguments = TRY(cursor.next_string());
  return note;
}

}  // namespace

Result<std::vector<UsdtNote>> usdt_notes(const Executable& file) {
  std::vector<UsdtNote> out;
  const std::optional<Executable::Section> section = file.section(".note.stapsdt");
  if (!section) return out;
  const std::optional<Executable::Section> base = file.section(".stapsdt.base");
  Cursor cursor(section->data, file.order());
  while (!cursor.done()) {
    const u64 at = cursor.offset();
    const auto where = [at] { return format(".note.stapsdt+{:#x}", at); };
    const NoteHeader header = TRY(with_context(cursor.next<NoteHeader>(), where));
    const Bytes owner = TRY(with_context(take_padded(cursor, header.name_size), where));
    const Bytes contents = TRY(with_context(take_padded(cursor, header.size), where));
    std::string_view name = text_of(owner);
    if (name.ends_with('\0')) name.remove_suffix(1);
    if (name != kOwner || header.type != kNoteProbe) continue;
    if (out.size() == kMaxNotes) return fail(Code::limit, "more than {} probes", kMaxNotes);
    out.push_back(TRY(with_context(read_note(contents, file.order(), base), where)));
  }
  return out;
}

}  // namespace bpfld::elf
