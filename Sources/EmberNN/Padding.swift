import EmberFunctional
import EmberRuntime
import EmberTensor

/// What the padding layers share: margins of the last dimensions of [batch, channels, ...] or [channels, ...].
open class PaddingLayer: Module {
  /// Before and after the last dimension, then the one before it, and so on.
  public final let padding: [Int]
  private final let mode: PaddingMode
  private final let value: Scalar?

  init(_ rank: Int, _ padding: any SpatialExtents, _ mode: PaddingMode, _ value: Scalar? = nil) {
    self.mode = mode
    self.value = value
    if let margins = padding.extents(2 * rank) {
      self.padding = margins
    } else {
      self.padding = Array(repeating: 0, count: 2 * rank)
      raise(
        EmberError(
          .value, in: "padding", "\(padding); give one number, or \(2 * rank): before and after each dimension, the last one first"))
    }
    super.init()
  }

  final func padded(_ input: Tensor) -> Tensor { input.pad(padding, mode: mode, value: value) }
  open override var settings: String { pythonTuple(padding) }
  fileprivate final var settingsWithValue: String { "padding=\(pythonTuple(padding)), value=\(value.map { "\($0)" } ?? "None")" }
}

/// Pads the last dimension with zeros. `padding`: one number, or 2: before and after, the last dimension first.
open class ZeroPad1d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(1, padding, .constant, 0) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last two dimensions with zeros. `padding`: one number, or 4: before and after, the last dimension first.
open class ZeroPad2d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(2, padding, .constant, 0) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last three dimensions with zeros. `padding`: one number, or 6: before and after, the last dimension first.
open class ZeroPad3d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(3, padding, .constant, 0) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last dimension with what lies inside, mirrored at the outermost elements. `padding`: one number, or 2: before and after, the
/// last dimension first.
open class ReflectionPad1d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(1, padding, .reflect) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last two dimensions with what lies inside, mirrored at the outermost elements. `padding`: one number, or 4: before and after,
/// the last dimension first.
open class ReflectionPad2d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(2, padding, .reflect) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last three dimensions with what lies inside, mirrored at the outermost elements. `padding`: one number, or 6: before and after,
/// the last dimension first.
open class ReflectionPad3d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(3, padding, .reflect) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last dimension with copies of the outermost elements. `padding`: one number, or 2: before and after, the last dimension first.
open class ReplicationPad1d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(1, padding, .replicate) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last two dimensions with copies of the outermost elements. `padding`: one number, or 4: before and after, the last dimension
/// first.
open class ReplicationPad2d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(2, padding, .replicate) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last three dimensions with copies of the outermost elements. `padding`: one number, or 6: before and after, the last dimension
/// first.
open class ReplicationPad3d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(3, padding, .replicate) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last dimension with what lies at the other end. `padding`: one number, or 2: before and after, the last dimension first.
open class CircularPad1d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(1, padding, .circular) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last two dimensions with what lies at the other end. `padding`: one number, or 4: before and after, the last dimension first.
open class CircularPad2d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(2, padding, .circular) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last three dimensions with what lies at the other end. `padding`: one number, or 6: before and after, the last dimension first.
open class CircularPad3d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents) { super.init(3, padding, .circular) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
}

/// Pads the last dimension with a number. `padding`: one number, or 2: before and after, the last dimension first; negative ones cut off.
open class ConstantPad1d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents, _ value: Scalar) { super.init(1, padding, .constant, value) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
  open override var settings: String { settingsWithValue }
}

/// Pads the last two dimensions with a number. `padding`: one number, or 4: before and after, the last dimension first; negative ones cut
/// off.
open class ConstantPad2d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents, _ value: Scalar) { super.init(2, padding, .constant, value) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
  open override var settings: String { settingsWithValue }
}

/// Pads the last three dimensions with a number. `padding`: one number, or 6: before and after, the last dimension first; negative ones cut
/// off.
open class ConstantPad3d: PaddingLayer, Layer {
  public init(_ padding: any SpatialExtents, _ value: Scalar) { super.init(3, padding, .constant, value) }
  open func forward(_ input: Tensor) -> Tensor { padded(input) }
  open override var settings: String { settingsWithValue }
}
