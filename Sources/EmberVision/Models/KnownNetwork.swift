import EmberFormats
import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

/// A network that is told by the names and shapes of its weights.
struct KnownNetwork {
  /// Makes it on `.meta`: the weights are assigned, and sizes that a file only claims cost nothing.
  let make: () -> any Layer<Tensor, Tensor>
  let classes: Int
  /// How pictures are prepared if nothing else is said.
  var transform: ImageTransform
  /// Names of classes, if the configuration has some.
  var classNames: [String]?

  /// - Parameter shapes: of the weights by name. Nil if they are of no known network.
  init?(_ shapes: [String: [Int]]) {
    let weights = Weights(shapes: shapes)
    let kinds = [Self.efficientNetLite, Self.visionTransformer, Self.resNet, Self.mobileNetV2]
    guard let known = kinds.lazy.compactMap({ $0(weights) }).first else { return nil }
    self = known
  }

  private init(classes: Int, _ transform: ImageTransform, _ make: @escaping () -> any Layer<Tensor, Tensor>) {
    self.make = make
    self.classes = classes
    self.transform = transform
  }

  /// Names and shapes, to be asked.
  private struct Weights {
    let shapes: [String: [Int]]

    func has(_ name: String) -> Bool { shapes[name] != nil }

    /// More than networks have of channels, classes or positions; products of three such extents are far from overflowing.
    private static let largest = 1 << 20

    /// An extent of a tensor that has so many dimensions and elements at all, and a size that a network may have; nil otherwise.
    func extent(_ name: String, _ dimension: Int, of rank: Int) -> Int? {
      guard let shape = shapes[name], shape.count == rank, shape.allSatisfy({ (1...Self.largest).contains($0) }) else { return nil }
      return shape[dimension]
    }

    /// How many of the names with a number in them there are, counted from 0.
    func count(_ name: (Int) -> String) -> Int {
      var count = 0
      while has(name(count)) { count += 1 }
      return count
    }
  }

  private static func efficientNetLite(_ weights: Weights) -> KnownNetwork? {
    guard weights.has("_conv_stem.weight"), let classes = weights.extent("_fc.weight", 0, of: 2),
      let channels = weights.extent("_conv_stem.weight", 1, of: 4)
    else { return nil }
    let count = weights.count { "_blocks.\($0)._project_conv.weight" }
    let variants: [EfficientNetLite.Configuration] = [.lite0, .lite1, .lite2, .lite3, .lite4]
    guard let variant = variants.first(where: { variant in
      let stages = variant.scaledStages
      return stages.reduce(0) { $0 + $1.count } == count
        && weights.extent("_blocks.\(count - 1)._project_conv.weight", 0, of: 4) == stages.last?.channels
    }) else { return nil }
    // As the network was trained: bytes minus 127, by 128, of the middle of a picture that is 32 pixels larger.
    let transform = ImageTransform(
      [.resize(variant.imageSize + 32, .bicubic), .centerCrop(variant.imageSize)], mean: [127.0 / 255], std: [128.0 / 255])
    return KnownNetwork(classes: classes, transform) { EfficientNetLite(variant, classes: classes, channels: channels, on: .meta) }
  }

  private static func visionTransformer(_ weights: Weights) -> KnownNetwork? {
    guard let patch = weights.extent("patch_embed.proj.weight", 2, of: 4),
      let channels = weights.extent("patch_embed.proj.weight", 1, of: 4),
      let width = weights.extent("cls_token", 2, of: 3), let positions = weights.extent("pos_embed", 1, of: 3),
      let innerWidth = weights.extent("blocks.0.mlp.fc1.weight", 0, of: 2), let classes = weights.extent("head.weight", 0, of: 2)
    else { return nil }
    var c = VisionTransformer.Configuration()
    c.patchSize = patch
    let side = Int(Double(positions - 1).squareRoot().rounded())
    guard side > 0, side < 1 << 16, patch < 1 << 16 else { return nil }
    c.imageSize = patch * side
    c.width = width
    // The published ones have heads of 64 features, the largest sixteen heads.
    c.heads = width <= 1024 ? Swift.max(1, width / 64) : 16
    c.depth = weights.count { "blocks.\($0).norm1.weight" }
    c.innerWidth = innerWidth
    c.hasQKVBias = weights.has("blocks.0.attn.qkv.bias")
    c.pooling = weights.has("fc_norm.weight") ? .average : .token
    guard c.width % c.heads == 0 else { return nil }
    let transform = ImageTransform(
      [.resize(c.imageSize * 10 / 9, .bicubic), .centerCrop(c.imageSize)], mean: [0.5], std: [0.5])
    return KnownNetwork(classes: classes, transform) { [c] in VisionTransformer(c, classes: classes, channels: channels, on: .meta) }
  }

  private static func resNet(_ weights: Weights) -> KnownNetwork? {
    guard weights.has("layer1.0.conv1.weight"), let classes = weights.extent("fc.weight", 0, of: 2),
      let width = weights.extent("conv1.weight", 0, of: 4), let channels = weights.extent("conv1.weight", 1, of: 4),
      let kernel = weights.extent("conv1.weight", 2, of: 4), kernel == 7 || kernel == 3
    else { return nil }
    let depths = (1...4).map { stage in weights.count { "layer\(stage).\($0).conv1.weight" } }
    guard !depths.contains(0) else { return nil }
    let stem: VisionStem = kernel == 7 ? .large : .small
    guard weights.has("layer1.0.conv3.weight") else {
      return KnownNetwork(classes: classes, .imageNet) {
        ResNet(.basic, depths: depths, classes: classes, channels: channels, width: width, stem: stem, on: .meta)
      }
    }
    guard let inner = weights.extent("layer1.0.conv2.weight", 0, of: 4), let seen = weights.extent("layer1.0.conv2.weight", 1, of: 4),
      inner % seen == 0, inner * 64 % (width * (inner / seen)) == 0, inner * 64 >= width * (inner / seen)
    else { return nil }
    let groups = inner / seen
    return KnownNetwork(classes: classes, .imageNet) {
      ResNet(
        .bottleneck, depths: depths, classes: classes, channels: channels, width: width, groups: groups,
        widthPerGroup: inner * 64 / (width * groups), stem: stem, on: .meta)
    }
  }

  private static func mobileNetV2(_ weights: Weights) -> KnownNetwork? {
    guard weights.has("features.1.conv.0.0.weight"), let classes = weights.extent("classifier.1.weight", 0, of: 2),
      let channels = weights.extent("features.0.0.weight", 1, of: 4)
    else { return nil }
    return KnownNetwork(classes: classes, .imageNet) { MobileNetV2(classes: classes, channels: channels, on: .meta) }
  }

  // MARK: - timm's config.json

  /// Takes over how pictures are prepared from a config.json as timm publishes it, and the names of classes if it has some.
  mutating func read(_ path: String) throws {
    let json = try JSON.load(path, in: "ImageClassifier", limit: 1 << 26)
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "ImageClassifier", "\(path): \(message)") }
    if let names = json["label_names"]?.items?.compactMap(\.text), names.count == classes { classNames = names }
    // Other programs write other things; then there is nothing to be had from it.
    guard let settings = json["pretrained_cfg"] else { return }
    let words: [String: InterpolationMode] = ["bilinear": .bilinear, "bicubic": .bicubic, "lanczos": .lanczos]
    let word = settings["interpolation"]?.text ?? "bilinear"
    guard let mode = words[word] else { throw bad("interpolation \(JSON.quoted(word)); there are bilinear, bicubic and lanczos") }
    let size = settings["input_size"]?.items?.compactMap(\.integer) ?? [3, 224, 224]
    guard size.count == 3, size[1] == size[2], (1...1 << 14).contains(size[1]) else {
      throw bad("input_size \(size); a square of three colours is needed")
    }
    let share = settings["crop_pct"]?.real ?? 0.875
    guard share > 0.01, share <= 1 else { throw bad("crop_pct \(share) is no share") }
    let length = Int((Double(size[1]) / share).rounded(.down))
    switch settings["crop_mode"]?.text ?? "center" {
    case "squash": transform.steps = [.resizeExactly(width: length, height: length, mode), .centerCrop(size[1])]
    case "center": transform.steps = [.resize(length, mode), .centerCrop(size[1])]
    case let other: throw bad("crop_mode \(JSON.quoted(other)); there are center and squash")
    }
    if let mean = settings["mean"]?.items?.compactMap(\.real) { transform.mean = mean }
    if let std = settings["std"]?.items?.compactMap(\.real) { transform.std = std }
  }
}
