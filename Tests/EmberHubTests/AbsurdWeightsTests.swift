import EmberAudio
import EmberFormats
import EmberNN
import EmberRuntime
import EmberTensor
import EmberVision
import TestSupport
import Testing

@testable import EmberText

/// Files and states whose tensors are not what a model has: errors that name the tensor, what was found and what is expected; dtypes that numbers
/// can be converted from are converted.
@Suite struct AbsurdWeightsTests {
  typealias State = [(name: String, tensor: Tensor)]

  /// A model's own weights, and how such weights become a model that has run.
  struct Loader: CustomTestStringConvertible {
    let testDescription: String
    let state: () throws -> State
    /// Loads the weights and runs the model once.
    let load: (State) throws -> Tensor
    /// Whether a file holds the state, which then has dense tensors with numbers.
    var isFile = false
    /// Whether tensors of other names are left aside.
    var ignoresSurplus = false
    /// Tensors that say which model it is: without them it is none.
    var deciding: Set<String> = []
  }

  /// Zeros that take no memory.
  private static func zeros(of module: Module) -> State {
    module.stateDict().map { ($0.name, Tensor.zeros([], dtype: $0.tensor.dtype).expand(Array($0.tensor.shape))) }
  }

  private static func loader<Model: Module>(
    _ name: String, _ make: @escaping (Device) -> Model, _ run: @escaping (Model) -> Tensor
  ) -> Loader {
    Loader(
      testDescription: name, state: { zeros(of: make(.meta)) },
      load: { state in
        let model = make(.meta)
        try model.loadStateDict(state, assign: true)
        model.eval()
        return try noGrad { try catchingErrors { run(model) } }
      })
  }

  /// A folder as Hugging Face lays it out, with a fixture's configuration.
  private static func folder(_ name: String, ignoresSurplus: Bool = false, _ run: @escaping (String) throws -> Tensor) -> Loader {
    Loader(
      testDescription: "folder of \(name)",
      state: { try Safetensors.loadFolder("\(Fixtures.folder)/\(name)").map { ($0.name, $0.tensor) } },
      load: { state in
        let folder = TemporaryFolder().path
        let config = try FileBytes.reading("\(Fixtures.folder)/\(name)/config.json", in: "test").withBytes { Array($0) }
        try AtomicFile.write(to: "\(folder)/config.json", in: "test") { try $0.append(config) }
        try Safetensors.save(state.map { ($0.name, $0.tensor) }, to: "\(folder)/model.safetensors")
        return try run(folder)
      }, isFile: true, ignoresSurplus: ignoresSurplus)
  }

  private static func classifier(_ name: String, deciding: Set<String>, _ network: @escaping () -> Module) -> Loader {
    Loader(
      testDescription: "classifier \(name)", state: { zeros(of: network()) },
      load: { state in
        let path = TemporaryFolder().file("weights.safetensors")
        try Safetensors.save(state.map { ($0.name, $0.tensor.contiguous()) }, to: path)
        let classifier = try ImageClassifier(weights: path)
        let pixels = [UInt8](repeating: 90, count: 40 * 40 * 3)
        return try classifier.logits(try Picture(width: 40, height: 40, channels: 3, pixels: pixels))
      }, isFile: true, deciding: deciding)
  }

  static let tokens = Tensor([1, 5, 9, 2] as [Int64]).unsqueeze(0)
  static var loaders: [Loader] {
    [
      folder("bert", ignoresSurplus: true) { path in
        let model = try BERT(folder: path)
        return try noGrad { try catchingErrors { model.features(tokens) } }
      },
      folder("llama") { path in
        let model = try Llama(folder: path)
        return try noGrad { try catchingErrors { model(tokens) } }
      },
      loader("GPT-2", { _ in GPT2(.init(vocabularySize: 11, contextLength: 8, layers: 1, heads: 2, width: 8)) }) { $0(tokens) },
      loader("EfficientNet-Lite0", { EfficientNetLite(.lite0, classes: 10, channels: 3, on: $0) }) { $0(Tensor.ones([1, 3, 32, 32])) },
      loader("MobileNetV2", { MobileNetV2(classes: 10, channels: 3, on: $0) }) { $0(Tensor.ones([1, 3, 32, 32])) },
      loader("CREPE", { CREPE(.tiny, on: $0) }) { $0(Tensor.ones([1, 1024])) },
      loader("voice encoder", { VoiceEncoder(on: $0) }) { $0(Tensor.ones([1, 4, 40])) },
      classifier("ResNet", deciding: ["fc.weight", "conv1.weight", "layer1.0.conv1.weight"]) {
        ResNet(.basic, depths: [1, 1, 1, 1], classes: 3, channels: 3, width: 8, stem: .small, on: .meta)
      },
      classifier(
        "ViT", deciding: ["patch_embed.proj.weight", "cls_token", "pos_embed", "blocks.0.mlp.fc1.weight", "head.weight"]
      ) {
        var configuration = VisionTransformer.Configuration()
        (configuration.imageSize, configuration.patchSize) = (16, 8)
        (configuration.width, configuration.innerWidth, configuration.depth, configuration.heads) = (64, 32, 1, 1)
        return VisionTransformer(configuration, classes: 3, channels: 3, on: .meta)
      },
    ]
  }

  /// What is done to one tensor, and what the error must say besides the tensor's name; nil where it is no error.
  struct Change {
    let name: String
    let expected: String?
    var needsNumbers = true
    let apply: (Tensor) -> Tensor?
  }

  static var changes: [Change] {
    [
      Change(name: "missing", expected: "missing") { _ in nil },
      Change(name: "one dimension more", expected: ", 1]") { $0.unsqueeze(-1) },
      Change(name: "flattened and longer", expected: "[") { cat([$0.flatten(), Tensor.zeros([1], dtype: $0.dtype)]) },
      Change(name: "empty", expected: "[0") { Tensor.zeros([0] + Array($0.shape.dropFirst()), dtype: $0.dtype) },
      Change(name: "without dimensions", expected: "[]") { Tensor.zeros([], dtype: $0.dtype) },
      Change(name: "enormous", expected: "1099511627776", needsNumbers: false) { Tensor.zeros([1], dtype: $0.dtype).expand([1 << 40, 2]) },
      Change(name: "complex", expected: "complex64") { $0.to(.complex64) },
      Change(name: "without numbers", expected: "meta", needsNumbers: false) { Tensor.zeros(Array($0.shape), dtype: $0.dtype, on: .meta) },
      Change(name: "integers", expected: nil) { $0.to(.int64) },
      Change(name: "truth values", expected: nil) { $0.to(.bool) },
      Change(name: "16 bits", expected: nil) { $0.to(.bfloat16) },
      Change(name: "64 bits", expected: nil) { $0.to(.float64) },
    ]
  }

  @Test(arguments: loaders.indices) func everyChangeIsAnErrorOrHarmless(_ index: Int) throws {
    let loader = Self.loaders[index], state = try loader.state()
    let whole = try loader.load(state)
    #expect(whole.dtype == .float32 && whole.elementCount > 0)
    // Tensors from all parts of the model.
    let places = Set([0, state.count / 3, state.count / 2, 2 * state.count / 3, state.count - 1]).sorted()
    for place in places where state[place].tensor.dtype.isFloatingPoint {
      let name = state[place].name
      for change in Self.changes where change.needsNumbers || !loader.isFile {
        var changed = state
        if let tensor = change.apply(state[place].tensor) { changed[place].tensor = tensor } else { changed.remove(at: place) }
        let what = "\(loader.testDescription), \(name) \(change.name)"
        guard let expected = change.expected else {
          do {
            let result = try loader.load(changed)
            #expect(result.dtype == .float32 && result.shape == whole.shape, "\(what)")
          } catch { Issue.record("\(what): \(error)") }
          continue
        }
        let error = #expect(throws: EmberError.self, "\(what)") { try loader.load(changed) }
        let message = error?.description ?? ""
        if loader.deciding.contains(name) { continue }
        #expect(message.contains(name) && message.contains(expected), "\(what): \(message)")
        #expect(message.utf8.count < 4000, "\(what): \(message.prefix(200))")
      }
    }
    let surplus = state + [(name: "nobody.knows.this", tensor: Tensor.zeros([2, 2]))]
    if loader.ignoresSurplus {
      #expect(try loader.load(surplus).shape == whole.shape)
    } else {
      let error = #expect(throws: EmberError.self) { try loader.load(surplus) }
      #expect(error?.description.contains("nobody.knows.this") == true, "\(error?.description ?? "")")
    }
    // Very many names are not all repeated.
    let many = (0..<5000).map { (name: "layer.\($0)", tensor: Tensor.zeros([1])) }
    let error = #expect(throws: EmberError.self) { try loader.load(many) }
    #expect((error?.description.utf8.count ?? 0) < 8000)
    #expect(throws: EmberError.self) { try loader.load([]) }
  }

  @Test(arguments: [
    ("bert", "num_hidden_layers", "100000000"), ("bert", "num_hidden_layers", "-1"), ("bert", "num_attention_heads", "0"),
    ("bert", "num_attention_heads", "7"), ("bert", "hidden_size", "99999999"), ("bert", "vocab_size", "9223372036854775807"),
    ("bert", "max_position_embeddings", "1e300"), ("llama", "num_hidden_layers", "100000000"), ("llama", "head_dim", "4611686018427387904"),
    ("llama", "head_dim", "-2"), ("llama", "head_dim", "-9223372036854775808"), ("llama", "head_dim", "65536"), ("llama", "max_position_embeddings", "100000000"),
    ("llama", "num_attention_heads", "99999998"), ("llama", "hidden_size", "100000000"), ("llama", "intermediate_size", "null"),
    ("llama", "vocab_size", "100000000"),
  ])
  func configurationsOfAbsurdSizesAreErrors(_ name: String, _ key: String, _ value: String) throws {
    let folder = TemporaryFolder().path
    let text = try FileBytes.reading("\(Fixtures.folder)/\(name)/config.json", in: "test").withBytes { String(decoding: $0, as: UTF8.self) }
    // The last of several values of a key counts.
    let changed = text.prefix(text.lastIndex(of: "}").map { text.distance(from: text.startIndex, to: $0) }!) + ", \"\(key)\": \(value)}"
    try AtomicFile.write(to: "\(folder)/config.json", in: "test") { try $0.append(Array(changed.utf8)) }
    let state = try Safetensors.loadFolder("\(Fixtures.folder)/\(name)")
    try Safetensors.save(state.map { ($0.name, $0.tensor) }, to: "\(folder)/model.safetensors")
    let error = #expect(throws: EmberError.self) { name == "bert" ? _ = try BERT(folder: folder) : (_ = try Llama(folder: folder)) }
    #expect((error?.description.utf8.count ?? 0) < 8000)
  }

  /// The places of a GGUF file that say what a tensor is: extents, packing, offset.
  @Test func packedTensorsOfWrongShapesAreErrors() throws {
    let bytes = try FileBytes.reading("\(Fixtures.folder)/llama.gguf", in: "test").withBytes { Array($0) }
    let names = ["token_embd.weight", "blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output_norm.weight"]
    for name in names {
      let text = Array(name.utf8)
      let start = try #require(bytes.indices.dropLast(text.count).first { bytes[$0..<$0 + text.count].elementsEqual(text) }) + text.count
      for (offset, value) in [(4, UInt64(7)), (4, 0), (4, 1 << 40), (4, .max), (4, 1 << 62), (12, 3)] where offset == 4 || name.hasPrefix("blk") {
        var changed = bytes
        withUnsafeBytes(of: value.littleEndian) { for (i, byte) in $0.enumerated() { changed[start + offset + i] = byte } }
        let error = #expect(throws: EmberError.self, "\(name): \(value) at \(offset)") {
          let file = try changed.withUnsafeBytes { try GGUF.parse($0, source: "absurd.gguf") }
          _ = try Llama(file, source: "absurd.gguf")
        }
        #expect(error?.description.contains("absurd.gguf") == true, "\(error?.description ?? "")")
      }
      // Another name.
      var renamed = bytes
      renamed[start - 1] = UInt8(ascii: "x")
      let error = #expect(throws: EmberError.self) {
        let file = try renamed.withUnsafeBytes { try GGUF.parse($0, source: "absurd.gguf") }
        _ = try Llama(file, source: "absurd.gguf")
      }
      #expect(error?.description.contains(name) == true, "\(error?.description ?? "")")
    }
  }
}
