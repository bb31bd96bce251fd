"""How `model/cifar10` is made, from the download of CIFAR-10 to the finished package: `make train-cifar10`.

`data` reads the pictures, `augment` varies them, `network` is the model in training and in its shipped form, `train`
trains, `package` measures and writes the files. The training is Keras 3 without backend-specific code.
"""
