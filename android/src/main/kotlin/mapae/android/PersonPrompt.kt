package mapae.android

import android.app.Activity
import android.hardware.biometrics.BiometricManager.Authenticators
import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal

/** Asks for a fingerprint, a face or the lock's code. The holder keys count one answer for [AndroidKeys.PERSON_S] seconds. */
class PersonPrompt(private val activity: Activity) {
    /** Asks; [then] is told on the main thread whether it was the person. */
    fun ask(title: String, then: (Boolean) -> Unit) {
        val prompt = BiometricPrompt.Builder(activity)
            .setTitle(title)
            .setAllowedAuthenticators(Authenticators.BIOMETRIC_STRONG or Authenticators.DEVICE_CREDENTIAL)
            .build()
        val callback = object : BiometricPrompt.AuthenticationCallback() {
            override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) = then(true)

            override fun onAuthenticationError(errorCode: Int, errString: CharSequence) = then(false)
        }
        prompt.authenticate(CancellationSignal(), activity.mainExecutor, callback)
    }
}
