import EmberFormats
public import EmberNN
import EmberRuntime
public import EmberTensor

/// Says what is in a photograph: a network, how it wants to see pictures, and the names of its classes.
///
/// ```swift
/// let classifier: ImageClassifier = try Hub.load("efficientnet-lite0")
/// for guess in try classifier.classify(Picture(contentsOf: "photo.jpg")) { print(guess.name, guess.probability) }
/// ```
public struct ImageClassifier {
  /// A class with its probability.
  public struct Prediction: Sendable, Hashable {
    public let index: Int
    public let name: String
    public let probability: Double
  }

  /// Pictures [batch, 3, height, width] to logits [batch, classes].
  public let network: any Layer<Tensor, Tensor>
  public let transform: ImageTransform
  /// The classes' names in the network's order.
  public let classes: [String]

  /// - Parameters:
  ///   - network: is put into evaluation mode (`eval()`), and is the caller's still: who trains it further calls `train()` and, before
  ///     the next photograph, `eval()`.
  ///   - transform: what pictures go through before the network sees them.
  ///   - classes: as many names as the network has logits.
  public init(_ network: any Layer<Tensor, Tensor>, transform: ImageTransform, classes: [String]) {
    self.network = network
    self.transform = transform
    self.classes = classes
    network.eval()
  }

  /// The logits of a picture: [classes].
  public func logits(_ picture: Picture) throws -> Tensor {
    let input = try transform(picture).unsqueeze(0)
    let output = try catchingErrors { noGrad { network(input).squeeze(0) } }
    guard output.rank == 1, output.shape[0] == classes.count else {
      throw EmberError(
        .shape, in: "ImageClassifier", "the network returned \(output.dtype)\(output.shape) for one picture and \(classes.count) classes")
    }
    return output
  }

  /// The likeliest classes, the best first.
  public func classify(_ picture: Picture, top: Int = 5) throws -> [Prediction] { predictions(try logits(picture), top: top) }

  /// The likeliest classes by logits [classes], the best first. Logits of another shape are an error (`catchingErrors`).
  public func predictions(_ logits: Tensor, top: Int = 5) -> [Prediction] {
    if ErrorScopes.hasFailed { return [] }
    guard logits.rank == 1, logits.shape[0] == classes.count else {
      raise(
        EmberError(
          .shape, in: "ImageClassifier", "logits \(logits.dtype)\(logits.shape) for \(classes.count) classes; they must be [classes]"))
      return []
    }
    let probabilities = logits.to(.float64).softmax(0).elements(as: Double.self)
    // Of equal ones the first.
    let order = probabilities.indices.sorted { (-probabilities[$0], $0) < (-probabilities[$1], $1) }
    return order.prefix(max(top, 0)).map { Prediction(index: $0, name: classes[$0], probability: probabilities[$0]) }
  }

  /// The names of the 1,000 classes of the ImageNet challenge (Russakovsky et al., arXiv:1409.0575), each with its synonyms in WordNet.
  public static let imageNetClasses: [String] = String(decoding: PackageResources.imagenet_classes_txt, as: UTF8.self)
    .split(separator: "\n").map(String.init)

  /// Names for a number of classes that nothing else is known about.
  static func names(_ count: Int) -> [String] { count == imageNetClasses.count ? imageNetClasses : (0..<count).map { "class \($0)" } }
}

extension ImageClassifier {
  /// A classifier from a file of weights: safetensors or a checkpoint of PyTorch. Which network it is, the names and shapes of the tensors
  /// say: EfficientNet-Lite, torchvision's ResNet and MobileNetV2, timm's ViT (and its names for EfficientNet-Lite).
  ///
  /// - Parameter configuration: a config.json as timm writes it beside the weights, which says how pictures are prepared. Without one the
  ///   usual preparation for the network is taken.
  public init(weights path: String, configuration: String? = nil) throws {
    let tensors = try Self.stateDict(of: path)
    let shapes = Dictionary(tensors.map { ($0.name, Array($0.tensor.shape)) }, uniquingKeysWith: { _, last in last })
    guard var known = KnownNetwork(shapes) else {
      let names = tensors.prefix(3).map(\.name).joined(separator: ", ")
      throw EmberError(
        .unsupported, in: "ImageClassifier",
        "\(path): the names of its \(tensors.count) tensors (\(names) …) are of no network that is known; "
          + "there are EfficientNet-Lite, ResNet and MobileNetV2 as torchvision names them, ViT as timm does")
    }
    if let configuration { try known.read(configuration) }
    let network = try catchingErrors { known.make() }
    do { try network.loadStateDict(tensors, assign: true) } catch let error as EmberError {
      throw EmberError(error.kind, in: error.operation, "\(path): \(error.message)")
    }
    self.init(network, transform: known.transform, classes: known.classNames ?? Self.names(known.classes))
  }

  /// The tensors of a file under the names that the network has for them.
  private static func stateDict(of path: String) throws -> [(name: String, tensor: Tensor)] {
    var file = try WeightFile.open(path)
    // Training scripts save the state as a part of what they know, and the network in a wrapper.
    for prefix in ["state_dict", "model", "module"] {
      let isWrapped = !file.entries.isEmpty && file.entries.allSatisfy { $0.name.hasPrefix(prefix + ".") }
      if isWrapped { file = try file.below(prefix) }
    }
    let tensors = try file.entries.map { entry in
      let tensor = try entry.load()
      // Their shapes are mere claims, and there is nothing to compute with.
      guard tensor.device != .meta else {
        throw EmberError(
          .file, in: "ImageClassifier", "\(path): \(entry.name) is \(tensor.dtype)\(tensor.shape) without numbers, saved from meta")
      }
      return (name: entry.name, tensor: tensor)
    }
    return file.entries.contains { $0.name == "conv_stem.weight" } ? EfficientNetLite.renamed(timm: tensors) : tensors
  }
}
