import EmberFormats
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@Suite struct WeightFileTests {
  let folder = TemporaryFolder()

  @Test(arguments: [
    ("zip.pt", "PyTorch checkpoint"), ("legacy.pt", "PyTorch checkpoint, legacy form"), ("script.pt", "TorchScript archive"),
    ("packed.gguf", "GGUF, version 3"), ("pcm_16.wav", "WAV"),
  ]) func kinds(_ name: String, _ kind: String) throws {
    // The name says nothing.
    let path = folder.file("file")
    try write(try contents(Fixtures.path(name)), to: path)
    let file = try WeightFile.open(path)
    #expect(file.kind == kind)
    #expect(file.entries.map(\.name) == Fixtures.expected[name]?.map(\.name))
    #expect(file.entries.map(\.shape) == Fixtures.expected[name]?.map(\.shape))
  }

  @Test func conversions() throws {
    let tensors = [("a.b", Tensor([[1.5, 2], [3, 4]])), ("a.c", Tensor([1, 2] as [Int64])), ("d", Tensor(2.5, dtype: .float16))]
    try NPZ.save(tensors, to: folder.file("0.npz"))
    for (i, ending) in ["pt", "safetensors", "npz", "pth", "npz"].enumerated() {
      let from = i == 0 ? "0.npz" : "\(i).\(["npz", "pt", "safetensors", "npz", "pth"][i])"
      try WeightFile.open(folder.file(from)).convert(to: folder.file("\(i + 1).\(ending)"))
    }
    let file = try WeightFile.open(folder.file("5.npz"))
    #expect(file.entries.map(\.name) == tensors.map(\.0) && file.entries.map(\.type) == ["float32", "int64", "float16"])
    for (entry, tensor) in zip(file.entries, tensors) { #expect(try bytes(entry.load()) == bytes(tensor.1)) }
    #expect(try file.below("a").entries.map(\.name) == ["b", "c"])
    #expect(throws: EmberError.self) { _ = try file.below("x") }
    #expect(throws: EmberError.self) { try file.convert(to: folder.file("x.npy")) }
    #expect(throws: EmberError.self) { try file.convert(to: folder.file("x.gguf")) }
    #expect(throws: EmberError.self) { try file.convert(to: folder.file("no/x.pt")) }
    #expect(throws: EmberError.self) { _ = try WeightFile.open(folder.path) }
    try write(Array("text".utf8), to: folder.file("x"))
    #expect(throws: EmberError.self) { _ = try WeightFile.open(folder.file("x")) }
  }

  /// Opening maps the file and reads what describes the tensors, not their numbers.
  @Test(arguments: ["safetensors", "pt", "gguf"]) func nothingIsReadThatIsNotNeeded(_ format: String) throws {
    let count = 8 << 20
    let path = folder.file("a." + format)
    let zeros = Tensor.zeros([count])
    let tensor: Tensor
    switch format {
    case "safetensors":
      try Safetensors.save([("a", zeros)], to: path)
      tensor = try #require(try Safetensors.load(path)["a"])
    case "pt":
      try TorchCheckpoint.save([("a", zeros)], to: path)
      tensor = try TorchCheckpoint.load(path).tensors[0].tensor
    default:
      func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
      var header = Array("GGUF".utf8) + number(3 as UInt32) + number(1 as UInt64) + number(0 as UInt64) + number(1 as UInt64) + [0x61]
      header += number(1 as UInt32) + number(UInt64(count)) + number(0 as UInt32) + number(0 as UInt64)
      header += [UInt8](repeating: 0, count: (32 - header.count % 32) % 32)
      try write(header + [UInt8](repeating: 0, count: count * 4), to: path)
      tensor = try GGUF.load(path).tensor("a")
    }
    #expect(tensor.elementCount == count)
    // Linux maps what lies around a page that is read, up to a huge page.
    #expect(try residentBytes(of: path) < 5 << 20)
    #expect(tensor.sum().item() == 0)
    let after = try residentBytes(of: path)
    withExtendedLifetime(tensor) { #expect(after > 16 << 20) }
  }

  /// Of half a gigabyte in 500 tensors, opening reads the header, and using one tensor reads that tensor.
  @Test func ofALargeFileOnlyWhatIsUsedIsRead() throws {
    let path = folder.file("large.safetensors"), count = 1 << 18
    let entries = (0..<500).map { i in
      "\"\(i)\":{\"dtype\":\"F32\",\"shape\":[\(count)],\"data_offsets\":[\(i * count * 4),\((i + 1) * count * 4)]}"
    }
    // Spaces fill the header up, so that numbers are aligned, as in every file that the safetensors library writes.
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    try write(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header, to: path)
    // What was never written takes no room on the disk, and reads as zeros.
    #expect(truncate(path, 8 + header.count + 500 * count * 4) == 0)
    let file = try Safetensors.load(path)
    #expect(file.tensors.count == 500)
    #expect(try residentBytes(of: path) < 2 << 20)
    #expect(try #require(file["250"]).sum().item() == 0)
    let after = try residentBytes(of: path)
    withExtendedLifetime(file) { #expect((1 << 20..<4 << 20).contains(after), "\(after)") }
  }

  /// How much of a mapped file this process has in memory, as the system tells it.
  func residentBytes(of path: String) throws -> Int {
    let smaps = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
    let lines = String(decoding: try #require(try smaps.readToEnd()), as: UTF8.self).split(separator: "\n")
    var total = 0
    var isThere = false
    for line in lines {
      if line.contains("-") && line.prefix(8).allSatisfy(\.isHexDigit) { isThere = line.hasSuffix(path) }
      if isThere, line.hasPrefix("Rss:") { total += Int(line.split(separator: " ")[1])! * 1024 }
    }
    return total
  }
}
