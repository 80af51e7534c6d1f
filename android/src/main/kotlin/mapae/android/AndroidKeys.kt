package mapae.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.UserNotAuthenticatedException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Signature
import java.security.UnrecoverableKeyException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import mapae.wallet.KeyStanding
import mapae.wallet.SecurityLevel
import mapae.wallet.SignerException
import mapae.wallet.keyStanding

/** Who has to be there when a key is used. The hardware enforces it, where there is some. */
enum class Demand {
    /** The screen lock is open. */
    UNLOCKED,

    /** The person proved to be there within the last [AndroidKeys.PERSON_S] seconds, and the screen lock is open. */
    PERSON,
}

/**
 * The Android Keystore: P-256 keys that sign, and keys that wrap. Where a key could be made with attestation, its chain is
 * read, and the weaker of the two words about it counts.
 *
 * @param hasStrongBox whether the phone says it has a processor of its own for keys (`FEATURE_STRONGBOX_KEYSTORE`)
 */
class AndroidKeys(private val hasStrongBox: Boolean) {
    private val store: KeyStore = KeyStore.getInstance(PROVIDER).apply { load(null) }

    /** Makes a key that signs, in place of any under that name; gives its uncompressed point (65 bytes). */
    fun make(alias: String, demand: Demand, strongBox: Boolean): ByteArray = guarded {
        // Not every StrongBox has room, not every phone can attest: the next best, and the level tells which it was.
        val ways = listOf(Way(true, true), Way(false, true), Way(false, false)).filter { !it.strongBox || strongBox && hasStrongBox }
        var refused: ProviderException? = null
        for (way in ways) {
            try {
                return@guarded point(pair(alias, demand, way))
            } catch (exception: ProviderException) {
                refused = exception
            }
        }
        throw refused ?: ProviderException("no way to make a key")
    }

    private data class Way(val strongBox: Boolean, val attested: Boolean)

    private fun pair(alias: String, demand: Demand, way: Way): PublicKey {
        val rules = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
            .setUnlockedDeviceRequired(true)
            .setIsStrongBoxBacked(way.strongBox)
        if (demand == Demand.PERSON) {
            rules.setUserAuthenticationRequired(true).setUserAuthenticationParameters(
                PERSON_S,
                KeyProperties.AUTH_BIOMETRIC_STRONG or KeyProperties.AUTH_DEVICE_CREDENTIAL,
            )
        }
        if (way.attested) rules.setAttestationChallenge(ByteArray(32).also(SecureRandom()::nextBytes))
        val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER)
        generator.initialize(rules.build())
        return generator.generateKeyPair().public
    }

    /** Signs with a key: ECDSA with SHA-256, ASN.1 DER. */
    fun sign(alias: String, message: ByteArray): ByteArray = guarded {
        Signature.getInstance("SHA256withECDSA").run {
            initSign(privateKey(alias))
            update(message)
            sign()
        }
    }

    /** Forgets a key; one that is not there is no error. */
    fun delete(alias: String) = guarded { store.deleteEntry(alias) }

    /** How a key stands: where it lives, whether a chain says so. */
    fun standing(alias: String): KeyStanding {
        val unknown = KeyStanding(SecurityLevel.UNKNOWN, false)
        return try {
            val key = privateKey(alias)
            val info = KeyFactory.getInstance(key.algorithm, PROVIDER).getKeySpec(key, KeyInfo::class.java)
            val said = when (info.securityLevel) {
                KeyProperties.SECURITY_LEVEL_STRONGBOX -> SecurityLevel.SECURE_ELEMENT
                KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT -> SecurityLevel.TRUSTED_ENVIRONMENT
                KeyProperties.SECURITY_LEVEL_SOFTWARE -> SecurityLevel.SOFTWARE
                else -> SecurityLevel.UNKNOWN
            }
            val chain = store.getCertificateChain(alias).orEmpty()
            val public = chain.firstOrNull()?.publicKey ?: return KeyStanding(said, false)
            keyStanding(said, point(public), chain.map { it.encoded })
        } catch (_: GeneralSecurityException) {
            unknown
        } catch (_: ProviderException) {
            unknown
        } catch (_: SignerException) {
            unknown
        }
    }

    private fun privateKey(alias: String): PrivateKey =
        store.getKey(alias, null) as? PrivateKey ?: throw SignerException.Missing()

    /** Encrypts under a key that only an open screen lock can use; made where it is not there. */
    fun wrap(alias: String, plain: ByteArray): ByteArray = guarded {
        val cipher = Cipher.getInstance(WRAPPING)
        cipher.init(Cipher.ENCRYPT_MODE, wrappingKey(alias) ?: makeWrappingKey(alias))
        cipher.iv + cipher.doFinal(plain)
    }

    /** Undoes [wrap]. */
    fun unwrap(alias: String, wrapped: ByteArray): ByteArray = guarded {
        val key = wrappingKey(alias) ?: throw SignerException.Missing()
        if (wrapped.size < IV) throw SignerException.Missing()
        val cipher = Cipher.getInstance(WRAPPING)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, wrapped, 0, IV))
        cipher.doFinal(wrapped, IV, wrapped.size - IV)
    }

    private fun wrappingKey(alias: String) = store.getKey(alias, null) as? SecretKey

    private fun makeWrappingKey(alias: String): SecretKey {
        val rules = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
            .setUnlockedDeviceRequired(true)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).run {
            init(rules)
            generateKey()
        }
    }

    companion object {
        /** The provider's name. */
        const val PROVIDER = "AndroidKeyStore"

        /** How long one prompt counts, in seconds: the signatures of one action. */
        const val PERSON_S = 30
        private const val WRAPPING = "AES/GCM/NoPadding"
        private const val IV = 12
        private const val TAG_BITS = 128

        private inline fun <T> guarded(work: () -> T): T = try {
            work()
        } catch (_: UserNotAuthenticatedException) {
            throw SignerException.Declined()
        } catch (_: KeyPermanentlyInvalidatedException) {
            throw SignerException.Missing()
        } catch (_: UnrecoverableKeyException) {
            throw SignerException.Missing()
        } catch (exception: GeneralSecurityException) {
            throw SignerException.Failed(exception.javaClass.simpleName)
        } catch (exception: ProviderException) {
            throw SignerException.Failed(exception.javaClass.simpleName)
        }

        private fun point(key: PublicKey): ByteArray {
            val point = (key as ECPublicKey).w
            fun fixed(number: java.math.BigInteger): ByteArray {
                val bytes = number.toByteArray()
                return ByteArray(maxOf(0, 32 - bytes.size)) + bytes.takeLast(32)
            }
            return byteArrayOf(4) + fixed(point.affineX) + fixed(point.affineY)
        }
    }
}
