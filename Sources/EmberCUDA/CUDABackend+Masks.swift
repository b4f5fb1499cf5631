import EmberRuntime

/// Elements that one block looks at, as `tile_elements` of the kernels.
private let tileElements = 4096

extension CUDABackend {
  /// Waits for the device: the result's size is needed at once.
  public func countNonzero(_ input: Operand) -> Int {
    let count = input.shape.elementCount
    if count == 0 { return 0 }
    var total = 0
    if input.strides.isContiguous(input.shape) {
      let neighbours = UInt(bitPattern: input.pointer) % 16 == 0 ? 16 / input.dtype.size : 1
      withScratch(8) { found in
        fillZero(found, byteCount: 8)
        launch(
          .masks, "count_nonzero_dense", [.type(input.dtype), .number(neighbours)],
          blocks: min(quotientRoundedUp(count, 1024 * neighbours), multiprocessorCount * 8), threads: 256
        ) {
          $0.add(input.pointer)
          $0.add(Int64(count))
          $0.add(found)
        }
        copyToHost(found, to: &total, byteCount: 8)
      }
    } else {
      withTilePlaces(input) { places, tiles in copyToHost(places + tiles * 8, to: &total, byteCount: 8) }
    }
    return total
  }

  public func nonzero(_ input: Operand, count: Int, into output: Operand) {
    if count == 0 || input.shape.rank == 0 { return }
    withTilePlaces(input) { places, _ in
      var tile = 0
      forEachPiece(of: input.shape) { piece, origin in
        let elements = piece.elementCount, tiles = quotientRoundedUp(elements, tileElements)
        var starts = InlineArray<8, Int64>(repeating: 0)
        for i in origin.indices { starts[i] = Int64(origin[i]) }
        launch(.masks, "write_nonzero", [.type(input.dtype)], blocks: tiles, threads: 256) {
          $0.add(piece, [input.strides])
          $0.add(Int64(elements))
          $0.add(input.pointer?.element(at: origin, input.strides, size: input.dtype.size))
          $0.add(places + tile * 8)
          $0.addBytes(of: starts)
          $0.add(Int64(count))
          $0.add(output.pointer)
        }
        tile += tiles
      }
    }
  }

  public func maskedSelect(_ input: Operand, mask: Operand, count: Int, into output: Operand) {
    if count == 0 { return }
    let size = input.dtype.size
    withTilePlaces(mask) { places, _ in
      var tile = 0
      forEachPiece(of: input.shape) { piece, origin in
        let space = StridedSpace(piece, [mask.strides, input.strides])
        let elements = piece.elementCount, tiles = quotientRoundedUp(elements, tileElements)
        launch(.masks, "select_masked", [.type(.moving(bytes: size))], blocks: tiles, threads: 256) {
          $0.add(space.shape, space.strides)
          $0.add(Int64(elements))
          $0.add(mask.pointer?.element(at: origin, mask.strides, size: 1))
          $0.add(input.pointer?.element(at: origin, input.strides, size: size))
          $0.add(places + tile * 8)
          $0.add(Int64(count))
          $0.add(output.pointer)
        }
        tile += tiles
      }
    }
  }

  /// Gives `body` how many nonzero elements lie before each tile of a mask, and behind the last their number, and the number of tiles.
  private func withTilePlaces(_ mask: Operand, _ body: (UnsafeMutableRawPointer, Int) -> Void) {
    var tiles = 0
    forEachPiece(of: mask.shape) { piece, _ in tiles += quotientRoundedUp(piece.elementCount, tileElements) }
    withScratch((tiles + 1) * 8) { counts in
      var tile = 0
      forEachPiece(of: mask.shape) { piece, origin in
        let space = StridedSpace(piece, [mask.strides]), elements = piece.elementCount
        let own = quotientRoundedUp(elements, tileElements)
        launch(.masks, "count_nonzero_tiles", [.type(mask.dtype)], blocks: own, threads: 256) {
          $0.add(space.shape, space.strides)
          $0.add(Int64(elements))
          $0.add(mask.pointer?.element(at: origin, mask.strides, size: mask.dtype.size))
          $0.add(counts + tile * 8)
        }
        tile += own
      }
      launch(.masks, "place_tiles", [.type(.int64)], blocks: 1, threads: 1024) {
        $0.add(counts)
        $0.add(Int64(tiles))
      }
      body(counts, tiles)
    }
  }
}
