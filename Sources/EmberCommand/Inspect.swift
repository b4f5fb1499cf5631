import ArgumentParser
import EmberFormats
import Foundation

/// `ember inspect`
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what a file of tensors holds: its kind, its metadata, every tensor with dtype and shape.",
    discussion: "safetensors, PyTorch checkpoints, TorchScript archives, npy, npz, GGUF, WAV, IDX. No code of a file is run.")

  @Argument(help: "The file.") var file: String
  @Flag(help: "Print one JSON object instead.") var json = false
  @Flag(help: "Say on standard error how long opening took and how much of the file was read for it.") var time = false

  func run() throws {
    if file.hasSuffix(".onnx") {
      throw ValidationError("\(file) is named as a model, not as a file of tensors; `ember run \(file)` lists its inputs and outputs.")
    }
    let clock = ContinuousClock(), start = clock.now
    let contents = try WeightFile.open(file)
    if time {
      let elapsed = clock.now - start
      let mapped = Inspect.residentBytes(of: file).map { "; \(Inspect.size($0)) of the file are in memory" } ?? ""
      FileHandle.standardError.write(Data("opened in \(elapsed / .milliseconds(1)) ms\(mapped)\n".utf8))
    }
    if json {
      let output = Output(
        file: file, kind: contents.kind, metadata: contents.metadata.map { Output.Value(name: $0.key, value: $0.value) },
        values: contents.rest.map { Output.Value(name: $0.name, value: $0.value) },
        tensors: contents.entries.map { Output.Tensor(name: $0.name, type: $0.type, shape: $0.shape, bytes: $0.byteCount) })
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(output), as: UTF8.self))
      return
    }
    let count = contents.entries.count
    let numbers = Inspect.total(contents.entries.map { $0.shape.reduce(1, *) })
    let bytes = Inspect.total(contents.entries.map(\.byteCount))
    print("\(file): \(contents.kind), \(count) tensor\(count == 1 ? "" : "s"), \(numbers) numbers, \(Inspect.size(bytes))")
    Inspect.section("metadata", contents.metadata.map { [$0.key, $0.value] })
    Inspect.section("values beside the tensors", contents.rest.map { [$0.name, $0.value] })
    Inspect.section(
      "tensors",
      contents.entries.map {
        [$0.name, $0.type, "[" + $0.shape.map(String.init).joined(separator: ", ") + "]", Inspect.size($0.byteCount)]
      })
  }

  private struct Output: Encodable {
    struct Value: Encodable { let name, value: String }
    struct Tensor: Encodable {
      let name, type: String
      let shape: [Int]
      let bytes: Int
    }
    let file, kind: String
    let metadata, values: [Value]
    let tensors: [Tensor]
  }

  /// The sum, or the largest number there is: tensors without numbers may have any size, each of which fits on its own.
  static func total(_ counts: [Int]) -> Int {
    counts.reduce(0) { sum, count in
      let (next, overflows) = sum.addingReportingOverflow(count)
      return overflows ? .max : next
    }
  }

  /// How much of a mapped file this process has in memory, where the system tells it (Linux).
  private static func residentBytes(of path: String) -> Int? {
    let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    // Its size is said to be 0, so it is read to its end.
    guard let smaps = try? FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd() else { return nil }
    var total: Int?, isThere = false
    for line in String(decoding: smaps, as: UTF8.self).split(separator: "\n") {
      // A mapping begins with its addresses and ends with the file's name; what is said of it follows, each line with a name of its own.
      if line.prefix(while: { $0 != " " }).contains("-") { isThere = line.hasSuffix(" " + path) }
      if isThere, line.hasPrefix("Rss:") { total = (total ?? 0) + 1024 * (Int(line.split(separator: " ")[1]) ?? 0) }
    }
    return total
  }

  /// Rows under a heading.
  private static func section(_ title: String, _ rows: [[String]]) {
    if rows.isEmpty { return }
    print("\n\(title)")
    printTable(rows, indent: "  ", limit: 100)
  }

  private static func size(_ bytes: Int) -> String {
    var amount = Double(bytes)
    var unit = 0
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024, unit < units.count - 1 {
      amount /= 1024
      unit += 1
    }
    return unit == 0 ? "\(bytes) B" : String(format: "%.1f %@", amount, units[unit])
  }
}
