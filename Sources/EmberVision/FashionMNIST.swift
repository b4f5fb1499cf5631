public import EmberData
import EmberFormats
import EmberRuntime
public import EmberTensor

/// Zalando's Fashion-MNIST: 28 × 28 grey pictures of ten kinds of clothing; 60,000 to learn from and 10,000 to test on.
public struct FashionMNIST: Sendable {
  /// A part of the pictures; the files' names begin with its raw value.
  public enum Split: String, Sendable {
    /// 60,000 to learn from.
    case train = "train"
    /// 10,000 to test on.
    case test = "t10k"

    var count: Int { self == .train ? 60_000 : 10_000 }
  }

  /// What the labels mean.
  public static let classNames = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]

  /// Where the Debian package `dataset-fashion-mnist` installs the files.
  public static let defaultFolder = "/usr/share/datasets/fashion-mnist"

  /// uint8, [count, 28, 28].
  public let images: Tensor
  /// int64, [count].
  public let labels: Tensor
  public var count: Int { labels.elementCount }

  /// Loads a split from the original IDX files, plain or gzipped.
  public init(_ split: Split, folder: String = defaultFolder) throws {
    func load(_ kind: String) throws -> (path: String, tensor: Tensor) {
      let plain = "\(folder)/\(split.rawValue)-\(kind)-ubyte", packed = plain + ".gz"
      guard Files.isFolder(folder) else {
        throw EmberError(
          .file, in: "FashionMNIST", "\(folder): no such folder; install the package dataset-fashion-mnist (make setup) or name another")
      }
      let path = Files.exists(plain) && !Files.exists(packed) ? plain : packed
      return (path, try IDX.load(path, limit: 1 << 28))
    }
    let (imagesPath, images) = try load("images-idx3")
    let (labelsPath, labels) = try load("labels-idx1")
    guard images.dtype == .uint8, images.rank == 3, images.shape[1] == 28, images.shape[2] == 28 else {
      throw EmberError(.file, in: "FashionMNIST", "\(imagesPath): \(images.dtype)\(images.shape), not pictures of 28 × 28 bytes")
    }
    guard labels.dtype == .uint8, labels.rank == 1, labels.shape[0] == images.shape[0] else {
      throw EmberError(
        .file, in: "FashionMNIST", "\(labelsPath): \(labels.dtype)\(labels.shape), not a byte for each of \(images.shape[0]) pictures")
    }
    let wrong = try labels.elementsOrThrow(as: UInt8.self).firstIndex { $0 > 9 }
    if let wrong { throw EmberError(.file, in: "FashionMNIST", "\(labelsPath): label \(wrong) is no number from 0 to 9") }
    self.images = images
    self.labels = try catchingErrors { labels.to(.int64) }
  }

  /// Inputs [count, 1, 28, 28] from 0 to 1 as float32, and labels; the first `limit` of them for quick trials.
  public func dataset(limit: Int = .max) throws -> TensorDataset {
    let count = max(0, min(limit, count))
    return try catchingErrors {
      let pictures = images.narrow(0, start: 0, length: count).to(.float32).reshape([count, 1, 28, 28])
      return TensorDataset(pictures * (1 / 255.0), labels.narrow(0, start: 0, length: count))
    }
  }
}
