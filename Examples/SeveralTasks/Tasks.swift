import Ember

/// Three questions about a picture that somebody has turned: what is it, where is it worn, and by how much was it turned?
struct TurnedClothing {
  /// Where each of the ten kinds is worn.
  static let places = ["upper body", "legs", "whole body", "feet", "hand"]
  private static let placeOfKind = [0, 1, 0, 2, 0, 3, 0, 3, 4, 3]
  /// Pictures are turned by up to this much to either side (rad).
  static let largestAngle = Double.pi / 4

  /// Pictures, turned; and what is to be found out about each.
  struct Batch {
    let images: Tensor
    /// [batch], class numbers.
    let kinds, places: Tensor
    /// [batch], radians.
    let angles: Tensor
  }

  /// Turns each picture by an angle of its own.
  static func turned(_ images: Tensor, kinds: Tensor, generator: Generator? = nil) -> Batch {
    let count = images.shape[0]
    let angles = Tensor.uniform([count], -largestAngle, largestAngle, generator: generator)
    let (cosine, sine, zero) = (angles.cos(), angles.sin(), Tensor.zeros([count]))
    // The rows of the matrices that lead from a place in the turned picture to one in the original.
    let matrices = stack([stack([cosine, -sine, zero], dim: 1), stack([sine, cosine, zero], dim: 1)], dim: 1)
    let grid = matrices.affineGrid(Array(images.shape))
    let places = Tensor(placeOfKind).indexSelect(0, kinds)
    return Batch(images: images.gridSample(grid), kinds: kinds, places: places, angles: angles)
  }
}
