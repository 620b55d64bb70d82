"""AdamW that goes over each variable a few times, where Keras' goes over it twenty times."""

from typing import Any

import keras
import tensorflow as tf


class FusedAdamW(keras.optimizers.Adam):  # type: ignore[misc]
    """AdamW with gradients clipped by norm, for one CPU; computes what Keras' does, with the same variables.

    The step of Adam itself is one operation of TensorFlow.
    """

    def __init__(self, learning_rate: Any, *, decay: float, clip_norm: float) -> None:
        """Prepare.

        Args:
            learning_rate: a number, or a schedule.
            decay: of the weights that are not excluded from it.
            clip_norm: each variable's gradient is scaled down to this norm where it has a greater one.
        """
        super().__init__(learning_rate)
        self._decay, self._clip_norm = decay, clip_norm

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Update a variable and its moments from its gradient, which is dense or rows of it."""
        gradient = tf.convert_to_tensor(gradient)
        norm = tf.sqrt(2.0 * tf.nn.l2_loss(gradient))
        if self._use_weight_decay(variable):
            variable.assign_sub(variable * (learning_rate * self._decay))
        index = self._get_variable_index(variable)
        first, second = (kind[index].value for kind in (self._momentums, self._velocities))
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient * (self._clip_norm / tf.maximum(norm, self._clip_norm)),
        )
