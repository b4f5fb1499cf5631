public import EmberFunctional
import EmberRuntime
public import EmberTensor

/// What a picture goes through before a network sees it, in the words of torchvision's `transforms`, and to the same numbers.
///
/// ```swift
/// let transform = ImageTransform(
///   [.resize(256, .bicubic), .centerCrop(224)], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
/// let x = try transform(Picture(contentsOf: "photo.jpg"))   // [3, 224, 224]
/// ```
public struct ImageTransform: Sendable, Hashable {
  /// A change of a picture's size.
  public enum Step: Sendable, Hashable {
    /// The shorter side gets this length, the longer one in proportion.
    case resize(Int, InterpolationMode = .bilinear)
    /// Both sides get these lengths, in proportion or not.
    case resizeExactly(width: Int, height: Int, InterpolationMode = .bilinear)
    /// The square in the middle, black where the picture is smaller.
    case centerCrop(Int)
  }

  /// What is done with the picture.
  public var steps: [Step]
  /// What is taken from each colour, of numbers from 0 to 1, and by what the rest is divided: one number for all, or three.
  public var mean, std: [Double]

  public init(_ steps: [Step], mean: [Double] = [0], std: [Double] = [1]) {
    self.steps = steps
    self.mean = mean
    self.std = std
  }

  /// Means and deviations of the colours of ImageNet's photographs, by which most networks were trained.
  public static let imageNetMean = [0.485, 0.456, 0.406], imageNetStd = [0.229, 0.224, 0.225]

  /// What torchvision's networks were evaluated with: the shorter side 256 pixels long, of which the middle 224.
  public static let imageNet = ImageTransform([.resize(256), .centerCrop(224)], mean: imageNetMean, std: imageNetStd)

  /// A picture as [3, height, width] in float32. Grey becomes three colours, transparency is left out.
  public func callAsFunction(_ picture: Picture) throws -> Tensor {
    var picture = picture.rgb
    for step in steps {
      switch step {
      case .resize(let length, let mode): picture = try picture.resized(shorterSide: length, interpolation: mode)
      case .resizeExactly(let width, let height, let mode): picture = try picture.resized(width: width, height: height, interpolation: mode)
      case .centerCrop(let length): picture = try picture.centerCropped(width: length, height: length)
      }
    }
    func colours(_ numbers: [Double], _ name: String) throws -> Tensor {
      guard [1, 3].contains(numbers.count), numbers.allSatisfy(\.isFinite), name == "mean" || !numbers.contains(0) else {
        throw EmberError(.value, in: "ImageTransform", "\(name) \(numbers); one number or three are needed, a std of other than 0")
      }
      return Tensor(numbers).to(.float32).reshape([numbers.count, 1, 1])
    }
    let mean = try colours(mean, "mean"), std = try colours(std, "std")
    return try catchingErrors { (picture.tensor - mean) / std }
  }
}
