#include "evidence/module_file.h"

#include <elf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace gpuward::evidence {
namespace {

constexpr size_t kMaxSections = 10'000;
constexpr size_t kMaxBytes = 1 << 20;

std::unexpected<Error> no_module() {
  return fail(Error::Kind::malformed, "not a kernel module");
}

Result<void> read_at(int fd, uint64_t offset, void* to, size_t size) {
  const ssize_t got = ::pread(fd, to, size, static_cast<off_t>(offset));
  if (got < 0) return fail_errno(errno, "reading a module");
  if (static_cast<size_t>(got) != size) return no_module();
  return {};
}

Result<std::string> section_text(int fd, const Elf64_Shdr& section) {
  if (section.sh_type == SHT_NOBITS || section.sh_size > kMaxBytes) {
    return no_module();
  }
  std::string text(section.sh_size, '\0');
  TRY_VOID(read_at(fd, section.sh_offset, text.data(), text.size()));
  return text;
}

Result<std::vector<Elf64_Shdr>> sections_of(int fd, const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shnum > kMaxSections || header.e_shstrndx >= header.e_shnum) {
    return no_module();
  }
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  TRY_VOID(read_at(fd, header.e_shoff, sections.data(),
                   sections.size() * sizeof(Elf64_Shdr)));
  return sections;
}

}  // namespace

Result<std::string> module_version(int fd) {
  Elf64_Ehdr header{};
  TRY_VOID(read_at(fd, 0, &header, sizeof header));
  const auto sections = TRY(sections_of(fd, header));
  const std::string names = TRY(section_text(fd, sections[header.e_shstrndx]));
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_name >= names.size()) continue;
    if (std::strcmp(names.c_str() + section.sh_name, ".modinfo") != 0) continue;
    const std::string info = TRY(section_text(fd, section));
    for (const std::string_view entry : split(info, '\0')) {
      if (entry.starts_with("version=")) {
        return printable(entry.substr(8), 100);
      }
    }
  }
  return no_module();
}

}  // namespace gpuward::evidence
