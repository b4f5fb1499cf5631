// Exports every model of the tests, for scripts/compare-export:  ExportedModels FOLDER [NAME…]

import EmberFormats
import Glibc

guard CommandLine.arguments.count > 1 else {
  print("usage: ExportedModels FOLDER [NAME…]")
  exit(2)
}
let folder = CommandLine.arguments[1], names = CommandLine.arguments.dropFirst(2)
try Files.makeFolder(folder)
var failures = 0
for model in ExportCase.all() where names.isEmpty || names.contains(model.name) {
  do {
    try model.write(to: folder)
    print(model.name)
  } catch {
    print("\(model.name): \(error)")
    failures += 1
  }
}
exit(failures == 0 ? 0 : 1)
