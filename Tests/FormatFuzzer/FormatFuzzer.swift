import EmberCPU
import EmberFormats
import EmberHub
import EmberRuntime
import EmberTensor
import EmberText
import EmberTorchScript
import EmberVision
import Foundation

/// One parser under libFuzzer: `EMBER_FORMAT=torch format-fuzzer CORPUS -max_total_time=600`, built by `scripts/test-deep fuzz-formats`.
/// Built otherwise, it parses the files that it is given, which shows again what the fuzzer found.
@main struct FormatFuzzer {
  /// What a parser does with the bytes of a file; all numbers are read, so that the sanitizer sees where they lie.
  static let parsers: [String: @Sendable (UnsafeRawBufferPointer) throws -> Void] = [
    "safetensors": { try read(Safetensors.parse($0).tensors) }, "npy": { try read([("", NPY.parse($0))]) },
    "npz": { try read(NPZ.parse($0, limit: 1 << 24)) }, "idx": { try read([("", IDX.parse($0))]) },
    "torch": { try read(TorchCheckpoint.parse($0, limit: 1 << 24).tensors) },
    "torch-pickle": { try FuzzedArchive.checkpoint($0).withUnsafeBytes { try read(TorchCheckpoint.parse($0, limit: 1 << 24).tensors) } },
    "torchscript": { try run(TorchScriptModule.parse($0, instructionLimit: 1 << 12)) },
    "torchscript-code": { bytes in
      try FuzzedArchive.script(bytes).withUnsafeBytes { try run(TorchScriptModule.parse($0, instructionLimit: 1 << 12)) }
    }, "tokenizer": { try tokenize(Tokenizer(parsing: Array($0))) }, "pickle": { try read(Pickle.parse($0).tensors) },
    "gguf": { bytes in for tensor in try GGUF.parse(bytes).tensors { try read([("", tensor.tensor())]) } },
    "gguf-tokenizer": { try tokenize(Tokenizer(GGUF.parse($0), source: "data")) },
    "wav": { try resample(WAV.parse($0)) }, "picture": { _ = try Picture($0, limit: 1 << 24) },
    "image": { _ = try ImageFile(Array($0), in: "image") },
    "weights": { bytes in
      let file = try WeightFile.parse(FileBytes(copying: bytes, in: "weights"))
      for entry in file.entries where entry.shape.reduce(1, *) < 1 << 20 { _ = try entry.load() }
    }, "hub-manifest": { _ = try HubManifest(parsing: Array($0), source: "data", beside: .folder("")) },
    "chat-template": { bytes in
      let messages = [("system", "Be brief."), ("user", "Hello <s>\n"), ("assistant", " \u{E9}\u{1F98A} "), ("user", "")]
      _ = try ChatTemplate(String(decoding: bytes, as: UTF8.self)).render(messages.map { ChatMessage(role: $0.0, content: $0.1) })
    },
    "json": { bytes in do throws(JSONSyntaxError) { _ = try JSON.parse(bytes) } catch {} },
  ]

  static func read(_ tensors: [(name: String, tensor: Tensor)]) throws {
    for (_, tensor) in tensors where tensor.device == .cpu && tensor.elementCount < 1 << 20 { _ = try tensor.withBytes { $0.reduce(0, ^) } }
  }

  /// At rates that are multiples of each other, whose filters are short: lengths alone decide.
  static func resample(_ sound: Sound) throws {
    try read([("", sound.samples)])
    let rate = sound.sampleRate, count = Double(sound.samples.elementCount) * 16_000 / Double(rate)
    guard rate <= 1 << 20, 16_000 % rate == 0 || rate % 16_000 == 0, count < 0x1p18 || count > 0x1p31 else { return }
    try read([("", sound.resampled(to: 16_000).samples)])
  }

  /// Calls every method with tensors, and with numbers where it does not take those.
  static func run(_ module: TorchScriptModule) throws {
    CPU.setMemoryCap(1 << 28)
    for (method, arguments) in module.methods {
      do throws(any Error) {
        try module.call(method, arguments.map { _ in .tensor(.ones([2, 3])) })
      } catch {
        try module.call(method, arguments.map { _ in .integer(2) })
      }
    }
  }

  static func tokenize(_ tokenizer: Tokenizer) throws {
    let text = "The quick brown fox's 12 jumps: \u{E9}\u{301} \u{1F98A} <s>\u{4E2D}\u{6587}"
    _ = try tokenizer.decode(tokenizer.encode(text, and: " [MASK] over").numbers)
    _ = try tokenizer.decode([0, 1, -1, 1 << 40])
  }

  static let parser: @Sendable (UnsafeRawBufferPointer) throws -> Void = {
    let name = ProcessInfo.processInfo.environment["EMBER_FORMAT"] ?? ""
    guard let parser = parsers[name] else {
      fatalError("EMBER_FORMAT is \"\(name)\"; there are \(parsers.keys.sorted().joined(separator: ", "))")
    }
    return parser
  }()

  /// Whatever the bytes are: values, or an `EmberError`.
  static func parse(_ bytes: UnsafeRawBufferPointer, with parser: (UnsafeRawBufferPointer) throws -> Void) {
    do { try parser(bytes) } catch { precondition(error is EmberError, "\(error)") }
  }

  static func main() {
    #if EMBER_FUZZER
      var count = CommandLine.argc
      var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
      exit(runFuzzer(&count, &arguments, testOneInput))
    #else
      for path in CommandLine.arguments.dropFirst() {
        guard let contents = FileManager.default.contents(atPath: path) else { fatalError("\(path) cannot be read") }
        contents.withUnsafeBytes { parse($0, with: parser) }
      }
    #endif
  }
}

#if EMBER_FUZZER
  /// libFuzzer's entry for programs that have a `main` of their own.
  @_silgen_name("LLVMFuzzerRunDriver") func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// One input. The name is the one that libFuzzer's own `main`, which is linked in as well, wants to find.
  @_cdecl("LLVMFuzzerTestOneInput") public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FormatFuzzer.parse(UnsafeRawBufferPointer(start: start, count: count), with: FormatFuzzer.parser)
    return 0
  }
#endif
