/// A kind of device. Extensible: a package that brings a backend of its own adds a kind with a number of its own.
public struct DeviceType: Sendable, Hashable, RawRepresentable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let cpu = DeviceType(rawValue: 0)
  public static let cuda = DeviceType(rawValue: 1)
  /// Shapes and dtypes only: operations run without data.
  public static let meta = DeviceType(rawValue: 2)

  /// Kinds are numbered below this; tables are indexed by them.
  public static let limit = 8

  public var name: String {
    switch self {
    case .cpu: "cpu"
    case .cuda: "cuda"
    case .meta: "meta"
    default: "device\(rawValue)"
    }
  }
}

/// Where a tensor's elements are and its operations run.
public struct Device: Sendable, Hashable {
  public let type: DeviceType
  public let index: UInt8

  public init(_ type: DeviceType, index: Int = 0) {
    self.type = type
    self.index = UInt8(clamping: index)
  }

  public static let cpu = Device(.cpu)
  public static let meta = Device(.meta)
  public static let cuda = Device(.cuda)
  public static func cuda(_ index: Int) -> Device { Device(.cuda, index: index) }
}

extension Device: CustomStringConvertible {
  public var description: String { type == .cuda ? "\(type.name):\(index)" : type.name }
}
