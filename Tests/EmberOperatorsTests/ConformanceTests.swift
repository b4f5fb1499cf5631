import EmberFormats
import EmberOperators
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@testable import EmberConformance

/// PyTorch's reference values: a subset of every operator's cases, chosen by scripts/conformance-subset.
@Suite struct ConformanceTests {
  /// Every case passes, but those of the operators that docs/operators.md explains.
  @Test func theSubsetPasses() throws {
    let runner = ConformanceRunner(try Corpus(Repository.casesPath), registry: .standard)
    let report = try runner.report()
    let known = try Repository.operatorsThatFallShort()
    #expect(report.lines.count > 2500 && Set(report.lines.map(\.kind)) == ["op", "module", "optimizer", "lr_scheduler", "grad_clip"])
    for line in report.lines where !line.verdict.isPass && !known.contains(line.name) {
      Issue.record("\(line.id): \(line.verdict.words)")
    }
    let operators = report.lines.filter { $0.kind == "op" }
    let whole = Dictionary(grouping: operators, by: \.name).values.filter { $0.allSatisfy(\.verdict.isPass) }
    #expect(whole.count >= 626)
    #expect(report.text.hasSuffix("\nconformance: \(report.passedCases) of \(report.lines.count) cases passed"))
  }

  /// The same cases as graphs, also such as are derived from graphs of other sizes: each gives the same, unless it asks for elements that a
  /// graph does not have yet.
  @Test(arguments: [Compilation.fixed, .dynamic(dimension: 0), .dynamic(dimension: 1)])
  func theSubsetPassesAsGraphs(_ compilation: Compilation) throws {
    let report = try ConformanceRunner(Corpus(Repository.casesPath), registry: .standard, compilation: compilation).report()
    let known = try Repository.operatorsThatFallShort()
    // That a call is refused shows nothing where no other is taken.
    let neverTaken = Dictionary(grouping: report.lines, by: \.name).filter { !$1.contains { $0.verdict == .passed } }.keys
    for line in report.lines where !line.verdict.isPass && !known.contains(line.name) && !neverTaken.contains(line.name) {
      let words = "\(line.verdict.words)"
      if !words.contains("being captured") && !words.contains("in a graph") { Issue.record("\(line.id): \(words)") }
    }
    #expect(report.passedCases > 2500)
  }

  /// Refusals alone are worth nothing.
  @Test func anOperatorThatRefusesEverythingPassesNothing() throws {
    var registry = OperatorRegistry()
    registry.add("aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { (_: Tensor, _: Int, _: DType?) -> Tensor in
      throw EmberError(.value, in: "softmax", "no")
    }
    let report = try ConformanceRunner(Corpus(Repository.casesPath), registry: registry, only: "torch.softmax").report()
    #expect(report.lines.contains { $0.expectsError || !$0.expectsError } && report.passedCases == 0)
  }

  @Test func resultsAndGradientsAreDumpedUnderTheirNames() throws {
    let runner = ConformanceRunner(try Corpus(Repository.casesPath), registry: .standard, only: "torch.linalg.eig*")
    var all = Computed()
    var ids: [String] = []
    try runner.run { id, verdict, computed in
      if verdict == .passed { ids.append(id) }
      all.add(computed)
    }
    let path = TemporaryFolder().file("dump.safetensors")
    try all.write(to: path)
    let file = try Safetensors.load(path)
    for id in ids { #expect(file["\(id)/out/0"] != nil, "\(id)") }
    #expect(file.names.contains { $0.hasSuffix("/grad/self") })
    // Double-precision complex numbers travel as pairs.
    let name = try #require(file.metadata.first { $0.value == "complex128" }?.key)
    let pairs = try #require(file[name])
    #expect(pairs.dtype == .float64 && pairs.shape[-1] == 2)
  }
}

/// A comparison that cannot fail proves nothing: whatever is changed in what a case expects makes it fail.
@Suite struct PerturbationTests {
  static let cases: [Case] = {
    guard let corpus = try? Corpus(Repository.casesPath) else { return [] }
    return corpus.entries.filter { $0.kind == "op" }.flatMap { (try? corpus.cases(of: $0)) ?? [] }
  }()

  private func verdict(_ item: Case) -> Verdict {
    var computed = Computed()
    return item.run(.standard, computed: &computed)
  }

  private static let fallShort = (try? Repository.operatorsThatFallShort()) ?? []

  /// Random numbers that happen to be right do not count.
  private func passing(where condition: (Case) -> Bool) -> [Case] {
    Self.cases.filter { condition($0) && !$0.expectsError && !Self.fallShort.contains($0.subject) && verdict($0) == .passed }
  }

  /// The expected tensors under a key, with their positions and those of their bytes.
  private func expectedTensors(_ item: Case, _ key: String) -> [(index: Int, json: JSON, dtype: DType, count: Int)] {
    (item.json[key]?.items ?? []).enumerated().compactMap { index, json in
      guard json["t"]?.text == "tensor", json["layout"] == nil, let name = json["dtype"]?.text, let dtype = try? ValueReader.dtype(name),
        let shape = json["shape"]?.items?.compactMap(\.integer)
      else { return nil }
      return (index, json, dtype, shape.reduce(1, *))
    }
  }

  /// A copy whose expected tensor lies in bytes of its own, changed by `change`.
  private func changed(_ item: Case, _ key: String, _ index: Int, _ start: Int, _ byteCount: Int, _ change: (inout [UInt8]) -> Void) -> Case
  {
    var bytes = Array(item.payload.bytes[start..<start + byteCount])
    change(&bytes)
    var payload = item.payload.bytes
    while payload.count % 8 != 0 { payload.append(0) }
    let json = item.json.replacing(key, "\(index)", "off", with: .number("\(payload.count)"))
    return Case(id: item.id, entry: item.entry, json: json, payload: Payload(bytes: payload + bytes))
  }

  /// The first element moved by far more than any tolerance allows.
  private func move(_ bytes: inout [UInt8], _ dtype: DType) {
    bytes.withUnsafeMutableBytes { all in
      switch dtype.realType {
      case .bool: all[0] = 1 - all[0]
      case .float64: all.storeBytes(of: all.loadUnaligned(as: Double.self) * 3 + 1000, as: Double.self)
      case .float32: all.storeBytes(of: all.loadUnaligned(as: Float.self) * 3 + 1000, as: Float.self)
      case .bfloat16: all.storeBytes(of: all.loadUnaligned(as: UInt16.self) ^ 0x4000, as: UInt16.self)
      case .float16: all.storeBytes(of: all.loadUnaligned(as: UInt16.self) ^ 0x4000, as: UInt16.self)
      default: all[0] = all[0] ^ 1
      }
    }
  }

  private func isFinite(_ item: Case, _ expected: (index: Int, json: JSON, dtype: DType, count: Int)) -> Bool {
    guard let tensor = try? ValueReader(payload: item.payload).tensor(expected.json) else { return false }
    return tensor.reshape(-1).narrow(0, start: 0, length: 1).to(.complex128).abs().isFinite.item(as: Bool.self)
  }

  private func expectFailures(_ key: String, isExpected: (Verdict) -> Bool) {
    var seen = 0
    for item in passing(where: { $0.json[key]?.items?.isEmpty == false && $0.json["rebuild"] == nil }) {
      for expected in expectedTensors(item, key) where expected.count > 0 {
        let check = expected.json["check"]?.text
        guard check == nil || check == "abs2", isFinite(item, expected), let start = expected.json["off"]?.integer else { continue }
        seen += 1
        let moved = changed(item, key, expected.index, start, expected.count * expected.dtype.size) { move(&$0, expected.dtype) }
        #expect(isExpected(verdict(moved)), "\(item.id): \(key) \(expected.index) was moved")
      }
    }
    #expect(seen > 900, "\(seen) values of \(key) were moved")
  }

  @Test func aMovedValueFails() {
    expectFailures("outputs") { if case .wrongValue = $0 { true } else { false } }
  }

  @Test func aMovedGradientFails() {
    expectFailures("grads") { if case .wrongGradient = $0 { true } else { false } }
  }

  @Test func anotherDTypeOrShapeFails() {
    for key in ["outputs", "grads"] {
      var seen = 0
      for item in passing(where: { _ in true }) {
        for expected in expectedTensors(item, key) {
          // The same bytes, read otherwise, and one dimension more around the same elements.
          let other: [DType: String] = [
            .float32: "int32", .float64: "int64", .int64: "float64", .float16: "bfloat16", .bfloat16: "float16", .bool: "uint8",
          ]
          var changes = [
            item.json.replacing(key, "\(expected.index)", "shape", with: .array([.number("1")] + (expected.json["shape"]?.items ?? [])))
          ]
          if let name = other[expected.dtype] {
            changes.append(item.json.replacing(key, "\(expected.index)", "dtype", with: .string(name)))
          }
          for json in changes {
            seen += 1
            let verdict = verdict(Case(id: item.id, entry: item.entry, json: json, payload: item.payload))
            #expect(!verdict.isPass && verdict != .notImplemented, "\(item.id): \(key) \(expected.index)")
          }
        }
      }
      #expect(seen > 2000, "\(seen) of \(key)")
    }
  }

  /// A call that works does not pass as one that must be refused, nor one that is refused as one that works.
  @Test func aRefusalThatDoesNotHappenFails() {
    for item in passing(where: { $0.id.hasSuffix("#0") }) {
      let json = item.json.replacing("expects", with: .string("error"))
      #expect(verdict(Case(id: item.id, entry: item.entry, json: json, payload: item.payload)) == .accepted, "\(item.id)")
    }
    let refused = Self.cases.filter { $0.expectsError && $0.callee(.standard) != nil }
    #expect(refused.count > 150)
    for item in refused {
      let json = item.json.replacing("expects", with: .string("value"))
      #expect(!verdict(Case(id: item.id, entry: item.entry, json: json, payload: item.payload)).isPass, "\(item.id)")
    }
  }

  /// A result or gradient more or less than expected.
  @Test func anotherNumberOfResultsFails() {
    for item in passing(where: { $0.hasGradients }).prefix(300) {
      for key in ["outputs", "grads"] {
        let items = item.json[key]?.items ?? []
        for list in [Array(items.dropLast()), items + [items[0]]] {
          let json = item.json.replacing(key, with: .array(list))
          #expect(
            !verdict(Case(id: item.id, entry: item.entry, json: json, payload: item.payload)).isPass, "\(item.id): \(list.count) \(key)")
        }
      }
    }
  }
}

/// Whatever a file holds, reading it ends in a value or an error.
@Suite struct DamagedCorpusTests {
  private func folder(_ files: [String: String]) throws -> String {
    let folder = TemporaryFolder()
    for (name, text) in files { try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8) }
    return folder.path
  }

  private let manifest = #"{"format":1,"entries":[{"file":"abs.json","kind":"op","name":"torch.abs","category":"unary"}]}"#

  @Test func filesThatAreMissingOrBrokenAreErrors() throws {
    #expect(throws: EmberError.self) { try Corpus("/nowhere/at/all") }
    #expect(throws: EmberError.self) { try Corpus("/nowhere.zip") }
    for text in ["", "[]", "{", #"{"entries":3}"#, #"{"entries":[{"file":"a"}]}"#] {
      let path = try folder(["manifest.json": text])
      let error = #expect(throws: EmberError.self) { try Corpus(path) }
      #expect(error?.message.contains("manifest.json") == true, "\(text)")
    }
    for text in ["", "{}", #"{"cases":[{}]}"#, #"{"cases":[{"id":"a\nb"}]}"#, #"{"payload":"gone.bin","cases":[]}"#, #"{"cases":[1]}"#] {
      let path = try folder(["manifest.json": manifest, "abs.json": text])
      #expect(throws: EmberError.self, "\(text)") { try ConformanceRunner(Corpus(path), registry: .standard).report() }
    }
    let path = try folder(["manifest.json": manifest])
    #expect(throws: EmberError.self) { try ConformanceRunner(Corpus(path), registry: .standard).report() }
  }

  @Test func tensorsThatCannotBeFailTheirCase() throws {
    let dtype = #""t":"tensor","n":"self","dtype":"float32""#
    for tensor in [
      #"{\#(dtype),"shape":[4],"off":8}"#, #"{\#(dtype),"shape":[4],"off":-8}"#, #"{\#(dtype),"shape":[-1],"off":0}"#,
      #"{\#(dtype),"shape":[4611686018427387904,4],"off":0}"#, #"{\#(dtype),"shape":[9223372036854775807],"off":9223372036854775807}"#,
      #"{\#(dtype),"shape":["x"],"off":0}"#, #"{\#(dtype),"off":0}"#, #"{"t":"tensor","n":"self","dtype":"float7","shape":[1],"off":0}"#,
      #"{\#(dtype),"shape":[2],"off":0,"strides":[1],"storage_numel":1}"#,
      #"{\#(dtype),"shape":[2],"off":0,"strides":[1,1],"storage_numel":9}"#,
      #"{\#(dtype),"shape":[2],"off":0,"strides":[9223372036854775807],"storage_numel":9}"#,
      #"{\#(dtype),"shape":[2],"off":0,"strides":[1],"storage_numel":9223372036854775807}"#,
      #"{\#(dtype),"shape":[2],"off":0,"strides":[1],"storage_numel":-4}"#,
      #"{\#(dtype),"shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"off":0}"#,
      #"{\#(dtype),"shape":[1],"layout":"sparse_coo"}"#, #"{\#(dtype),"shape":[1],"layout":"nonsense","off":0}"#,
      #"{"t":"tensor","n":"self"}"#,
      #"{"n":"self"}"#, #"{"t":"module","n":"self","class":"torch.nn.Nothing"}"#, #"{"t":"complex","n":"self","v":[1]}"#, "3",
    ] {
      let json = #"{"payload":"abs.bin","cases":[{"id":"a#0","args":[\#(tensor)],"outputs":[]}]}"#
      let path = try folder(["manifest.json": manifest, "abs.json": json, "abs.bin": "0123456789abcdef"])
      let line = try ConformanceRunner(Corpus(path), registry: .standard).report().lines[0]
      #expect(!line.verdict.isPass && line.verdict != .notImplemented, "\(tensor)")
    }
  }

  /// The archive with bytes overwritten at random, and cut off anywhere.
  @Test func aDamagedArchiveIsAnError() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: Repository.casesPath))
    let path = URL(fileURLWithPath: TemporaryFolder().file("damaged.zip"))
    let random = Generator(seed: 5)
    for round in 0..<12 {
      var damaged = whole
      if round % 2 == 0 {
        damaged = damaged.prefix(Int(random.next() % UInt64(whole.count)))
      } else {
        // Within the entries, not between them: every byte there is checked.
        let start = Int(random.next() % UInt64(whole.count - 400_000))
        for i in start..<start + 2000 { damaged[i] = UInt8(truncatingIfNeeded: random.next()) }
      }
      try damaged.write(to: path)
      let error = #expect(throws: EmberError.self) { try Corpus(path.path) }
      #expect(error?.message.contains("damaged.zip") == true)
    }
  }
}
