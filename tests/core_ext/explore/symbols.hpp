// Names of the program's functions, also of those that only one file knows, read from its own
// symbol table. For traces and for naming planted faults.
#pragma once

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace explore {

class Symbols {
 public:
  Symbols() {
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status{};
    if (file < 0 || ::fstat(file, &status) != 0) std::abort();
    const auto bytes = static_cast<std::size_t>(status.st_size);
    void* image = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    if (image == MAP_FAILED) std::abort();
    read(static_cast<const char*>(image));
    ::munmap(image, bytes);
  }

  /// The function that holds this address, demangled; "?" when it is none of ours.
  [[nodiscard]] std::string at(std::uintptr_t address) const {
    const std::uintptr_t offset = address - base_;
    auto found = std::upper_bound(functions_.begin(), functions_.end(), offset,
                                  [](auto value, const auto& one) { return value < one.start; });
    if (found == functions_.begin()) return "?";
    --found;
    if (offset >= found->start + found->bytes) return "?";
    int status = 0;
    char* text = abi::__cxa_demangle(found->name.c_str(), nullptr, nullptr, &status);
    std::string name = status == 0 ? text : found->name;
    std::free(text);
    return name;
  }

 private:
  struct Function {
    std::uintptr_t start;
    std::uintptr_t bytes;
    std::string name;
  };

  void read(const char* image) {
    const auto* head = reinterpret_cast<const ElfW(Ehdr)*>(image);
    const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image + head->e_shoff);
    for (int i = 0; i < head->e_shnum; ++i) {
      if (sections[i].sh_type != SHT_SYMTAB) continue;
      const char* names = image + sections[sections[i].sh_link].sh_offset;
      const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image + sections[i].sh_offset);
      for (std::size_t s = 0; s < sections[i].sh_size / sizeof *symbols; ++s) {
        if ((symbols[s].st_info & 0xF) != STT_FUNC || symbols[s].st_size == 0) continue;
        functions_.push_back({symbols[s].st_value, symbols[s].st_size, names + symbols[s].st_name});
      }
    }
    std::sort(functions_.begin(), functions_.end(),
              [](const auto& a, const auto& b) { return a.start < b.start; });
    // Where the program was loaded: its own main tells, and a fixed one says 0.
    if (head->e_type == ET_DYN) {
      ::dl_iterate_phdr(
          [](dl_phdr_info* info, std::size_t, void* base) {
            *static_cast<std::uintptr_t*>(base) = info->dlpi_addr;
            return 1;  // the first is the program itself
          },
          &base_);
    }
  }

  std::vector<Function> functions_;
  std::uintptr_t base_ = 0;
};

}  // namespace explore
