import ArgumentParser
import EmberFormats
import EmberHub
import EmberNN
import EmberRuntime
import EmberTensor
import EmberVision
import Foundation
import TestSupport
import Testing

@testable import EmberCommand

/// `ember classify`, and the classifiers that it makes of files of weights.
@Suite struct ClassifyTests {
  private let folder = TemporaryFolder()

  private func path(_ name: String) -> String { folder.file(name) }

  private func photo(_ name: String, seed: UInt64 = 0) throws -> String {
    let bytes = withRandomSeed(seed) { (Tensor.rand([40 * 50 * 3]) * 255).to(.uint8).elements(as: UInt8.self) }
    try Picture(width: 50, height: 40, channels: 3, pixels: bytes).save(png: path(name))
    return path(name)
  }

  private func transformer(classes: Int = 7) -> VisionTransformer {
    var configuration = VisionTransformer.Configuration()
    (configuration.imageSize, configuration.patchSize) = (16, 8)
    (configuration.width, configuration.innerWidth, configuration.depth, configuration.heads) = (64, 32, 1, 1)
    return withRandomSeed(1) { VisionTransformer(configuration, classes: classes).eval() }
  }

  private func errorText(_ body: () throws -> Void) -> String {
    let error = #expect(throws: EmberError.self) { try body() }
    return error.map { "\($0)" } ?? ""
  }

  /// A folder as timm publishes it: the weights, and a configuration that says how pictures are prepared and what the classes are called.
  @Test func aPublishedFolderBecomesAClassifier() throws {
    let network = transformer()
    try Safetensors.save(network.stateDict(), to: path("model.safetensors"))
    let config = """
      {"architecture": "vit", "num_classes": 7, "label_names": ["a", "b", "c", "d", "e", "f", "g"], "pretrained_cfg": {
        "input_size": [3, 16, 16], "interpolation": "bilinear", "crop_pct": 0.8, "crop_mode": "center",
        "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}}
      """
    try Data(config.utf8).write(to: URL(fileURLWithPath: path("config.json")))
    let classifier = try Hub.load(folder.path + "/", as: ImageClassifier.self)
    #expect(classifier.transform == ImageTransform([.resize(20), .centerCrop(16)], mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6]))
    let picture = try Picture(contentsOf: photo("a.png"))
    let expected = noGrad { network(try! classifier.transform(picture).unsqueeze(0)).squeeze(0) }
    #expect((try classifier.logits(picture) - expected).abs().amax().item(as: Float.self) < 1e-6)
    let guesses = try classifier.classify(picture, top: 3)
    #expect(guesses.count == 3 && guesses[0].index == expected.argmax().item(as: Int.self))
    #expect(guesses.allSatisfy { $0.name == classifier.classes[$0.index] } && guesses[0].probability >= guesses[1].probability)
    #expect(try abs(classifier.classify(picture, top: 100).reduce(0) { $0 + $1.probability } - 1) < 1e-9)
    var command = try Classify.parse(["--model", folder.path + "/", "--top", "2", "--json", path("a.png")])
    try command.run()
    let damages = [("bilinear", "huh"), ("[3, 16, 16]", "[3, 16, 24]"), ("0.8", "0"), ("center", "huh")]
    for (bad, text) in damages {
      try Data(config.replacingOccurrences(of: bad, with: text).utf8).write(to: URL(fileURLWithPath: path("config.json")))
      #expect(errorText { _ = try Hub.load(folder.path + "/", as: ImageClassifier.self) }.contains("config.json"), "\(text)")
    }
    command = try Classify.parse(["--model", folder.path + "/", path("a.png")])
    #expect(throws: EmberError.self) { try command.run() }
  }

  @Test(arguments: ["resnet", "bottleneck", "mobilenet", "lite"]) func weightsSayWhichNetworkTheyAre(_ kind: String) throws {
    let network: any Layer<Tensor, Tensor> = withRandomSeed(2) {
      switch kind {
      case "resnet": ResNet(.basic, depths: [1, 2, 1, 1], classes: 6, width: 8, stem: .small)
      case "bottleneck": ResNet(.bottleneck, depths: [1, 1, 2, 1], classes: 6, width: 8, groups: 2, widthPerGroup: 32)
      case "mobilenet": MobileNetV2(classes: 6)
      default: EfficientNetLite(.lite1, classes: 6)
      }
    }
    network.eval()
    // As a training script saves it: a part of a checkpoint.
    try TorchCheckpoint.save(network.stateDict().map { (name: "state_dict.\($0.name)", tensor: $0.tensor) }, to: path("run.pt"))
    let classifier = try ImageClassifier(weights: path("run.pt"))
    #expect(classifier.classes.count == 6)
    let picture = try Picture(contentsOf: photo("a.png"))
    let expected = noGrad { network(try! classifier.transform(picture).unsqueeze(0)).squeeze(0) }
    #expect((try classifier.logits(picture) - expected).abs().amax().item(as: Float.self) < 1e-5)
  }

  @Test func weightsOfOtherThingsAreErrors() throws {
    try Safetensors.save([("a.weight", Tensor.zeros([2]))], to: path("other.safetensors"))
    #expect(errorText { _ = try ImageClassifier(weights: path("other.safetensors")) }.contains("EfficientNet-Lite"))
    // One that looks like a ViT and lacks a part of it.
    try Safetensors.save(transformer().stateDict().filter { $0.name != "blocks.0.attn.proj.bias" }, to: path("part.safetensors"))
    let text = errorText { _ = try ImageClassifier(weights: path("part.safetensors")) }
    #expect(text.contains("part.safetensors") && text.contains("missing: blocks.0.attn.proj.bias"))
    let state = EfficientNetLite().stateDict().map { ($0.name, $0.name == "_fc.weight" ? Tensor.zeros([1000, 3]) : $0.tensor) }
    try Safetensors.save(state, to: path("shape.safetensors"))
    #expect(errorText { _ = try ImageClassifier(weights: path("shape.safetensors")) }.contains("_fc.weight"))
    #expect(errorText { _ = try ImageClassifier(weights: path("none.pth")) }.contains("No such file"))
    // Extents that a file only claims cost no memory: what they stand for is compared on a device without any.
    let empty = Dictionary(uniqueKeysWithValues: (1...4).flatMap { stage in (0..<9).map { ("layer\(stage).\($0).conv1.weight", [0]) } })
    let claims: [(shapes: [String: [Int]], error: String)] = [
      (["conv1.weight": [1 << 40, 3, 7, 0], "fc.weight": [1 << 40, 0]].merging(empty) { $1 }, "of no network that is known"),
      (["conv1.weight": [4096, 1, 3, 3], "fc.weight": [2, 1]].merging(empty) { $1 }, "missing: "),
      (
        [
          "patch_embed.proj.weight": [1, 1, 1, 1], "cls_token": [1, 1, 100_000], "pos_embed": [1, 2, 1],
          "blocks.0.mlp.fc1.weight": [100_000, 1], "head.weight": [100_000, 1],
        ], "missing: "
      ),
      // One class more than is read.
      (
        [
          "patch_embed.proj.weight": [1, 1, 1, 1], "cls_token": [1, 1, 1], "pos_embed": [1, 2, 1], "blocks.0.mlp.fc1.weight": [1, 1],
          "head.weight": [1 << 20 + 1, 1],
        ], "of no network that is known"
      ),
    ]
    for claim in claims {
      let tensors = claim.shapes.sorted { $0.key < $1.key }.map { ($0.key, Tensor.zeros($0.value, dtype: .uint8)) }
      try Safetensors.save(tensors, to: path("claim.safetensors"))
      let text = errorText { _ = try ImageClassifier(weights: path("claim.safetensors")) }
      #expect(text.contains(claim.error) && text.contains("claim.safetensors"), "\(text)")
    }
  }

  /// Tensors of the meta device have any shape in a file of any size.
  @Test(arguments: [
    ("resnet.pt", "layer1.0.conv1.weight is float32[1, 1, 1, 1]"), ("vit.pt", "cls_token is float32[1, 1, 64]"),
    ("small.pt", "cls_token is float32[1, 1, 64]"),
  ]) func weightsWithoutNumbersAreErrors(_ name: String, _ words: String) {
    let file = Checkout.fixture("classifiers/\(name)")
    let text = errorText { _ = try ImageClassifier(weights: file) }
    #expect(text.contains("\(file): \(words) without numbers"), "\(text)")
  }

  @Test func logitsMustBeAsManyAsTheClasses() throws {
    let classifier = ImageClassifier(transformer(), transform: .imageNet, classes: (0..<7).map { "\($0)" })
    #expect(classifier.predictions(Tensor.zeros([7])).map(\.index) == [0, 1, 2, 3, 4])
    for shape in [[8], [6], [], [1, 7]] {
      let text = errorText { _ = try catchingErrors { classifier.predictions(Tensor.zeros(shape)) } }
      #expect(text.contains("\(shape)") && text.contains("7 classes"), "\(text)")
    }
  }

  /// JSON knows neither NaN nor infinities.
  @Test func numbersThatAreNotFiniteAreNull() throws {
    let classifier = ImageClassifier(transformer(), transform: .imageNet, classes: Array(repeating: "a \"b\"", count: 4))
    let numbers = Tensor([0.5, -.infinity, .nan, 1e-9] as [Float])
    let line = Classify.line("a.png", classifier.predictions(numbers), numbers)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    let logits = try #require(object["logits"] as? [Any]), guesses = try #require(object["predictions"] as? [[String: Any]])
    #expect(logits.map { ($0 as? NSNumber)?.floatValue } == [0.5, nil, nil, 1e-9])
    #expect(guesses[0]["probability"] is NSNull && guesses[0]["name"] as? String == "a \"b\"")
  }

  /// Texts of help are texts: no description of a value, no backslash of a line that goes on in the source.
  @Test func helpIsText() {
    for text in [Classify.helpMessage(), Convert.helpMessage(), Operators.helpMessage()] {
      #expect(!text.contains("\\") && !text.contains("ArgumentHelp"), "\(text)")
    }
    #expect(Classify.helpMessage().contains("pypi:package"))
  }

  /// A photograph that cannot be read fails the command, after the others were classified.
  @Test func photographsThatCannotBeReadFailTheCommand() throws {
    try Safetensors.save(transformer().stateDict(), to: path("vit.safetensors"))
    let good = try photo("good.png")
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: path("bad.jpg")))
    var command = try Classify.parse(["--model", path("vit.safetensors"), path("bad.jpg"), path("none.png"), folder.path, good])
    #expect(throws: ExitCode.failure) { try command.run() }
    command = try Classify.parse(["--model", path("vit.safetensors"), good])
    try command.run()
    #expect(throws: (any Error).self) { try Classify.parse([]) }
    #expect(throws: (any Error).self) { try Classify.parse(["--top", "0", good]) }
  }

  @Test func theListHasAThousandNames() {
    #expect(ImageClassifier.imageNetClasses.count == 1000)
    #expect(ImageClassifier.imageNetClasses[0] == "tench, Tinca tinca")
    #expect(ImageClassifier.imageNetClasses[388] == "giant panda, panda, panda bear, coon bear, Ailuropoda melanoleuca")
    #expect(ImageClassifier.imageNetClasses[999] == "toilet tissue, toilet paper, bathroom tissue")
  }
}
