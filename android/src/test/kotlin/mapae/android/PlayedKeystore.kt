package mapae.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyFactory
import java.security.KeyFactorySpi
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreSpi
import java.security.PrivateKey
import java.security.Provider
import java.security.ProviderException
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Security
import java.security.cert.Certificate
import java.security.cert.CertificateFactory
import java.security.spec.AlgorithmParameterSpec
import java.security.spec.ECGenParameterSpec
import java.security.spec.KeySpec
import java.security.spec.PKCS8EncodedKeySpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.KeyGenerator
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey

/**
 * A Keystore for the JVM, which has none: software keys behind Android's own interfaces, with the manners that a phone may
 * have. What a phone's hardware does is not in it.
 */
object PlayedKeystore {
    /** What KeyInfo says of every key. */
    var level = KeyProperties.SECURITY_LEVEL_SOFTWARE

    /** Whether a StrongBox answers. */
    var strongBox = false

    /** Whether keys can be made with attestation; then each is the one of this name in `resources/attestation`. */
    var attested: String? = null

    /** Whether keys that need the person get the person. */
    var personIsThere = true

    /** The rules by which keys were made, by alias. */
    val rules = HashMap<String, KeyGenParameterSpec>()

    internal val keys = HashMap<String, Key>()
    internal val chains = HashMap<String, Array<Certificate>>()

    fun begin() {
        level = KeyProperties.SECURITY_LEVEL_SOFTWARE
        strongBox = false
        attested = null
        personIsThere = true
        rules.clear()
        keys.clear()
        chains.clear()
        Security.removeProvider(AndroidKeys.PROVIDER)
        Security.addProvider(PlayedProvider())
    }

    internal fun read(name: String): ByteArray =
        checkNotNull(javaClass.getResourceAsStream("/attestation/$name")) { name }.use { it.readBytes() }
}

private class PlayedProvider : Provider(AndroidKeys.PROVIDER, "1", "keys of the JVM behind Android's interfaces") {
    init {
        put("KeyStore.${AndroidKeys.PROVIDER}", PlayedStore::class.java.name)
        put("KeyPairGenerator.EC", PlayedPairs::class.java.name)
        put("KeyGenerator.AES", PlayedSecrets::class.java.name)
        put("KeyFactory.EC", PlayedInfo::class.java.name)
    }
}

class PlayedPairs : KeyPairGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun initialize(params: AlgorithmParameterSpec, random: SecureRandom?) {
        spec = params as KeyGenParameterSpec
    }

    override fun initialize(keysize: Int, random: SecureRandom?) = throw ProviderException("a size says too little")

    override fun generateKeyPair(): KeyPair {
        if (spec.isStrongBoxBacked && !PlayedKeystore.strongBox) throw StrongBoxUnavailableException()
        val attested = PlayedKeystore.attested
        if (spec.attestationChallenge != null && attested == null) throw ProviderException("no attestation here")
        val pair = if (spec.attestationChallenge != null && attested != null) {
            val der = PlayedKeystore.read("$attested.der")
            val certificate = CertificateFactory.getInstance("X.509").generateCertificate(der.inputStream())
            PlayedKeystore.chains[spec.keystoreAlias] = arrayOf(certificate)
            val secret = KeyFactory.getInstance("EC", "SunEC").generatePrivate(PKCS8EncodedKeySpec(PlayedKeystore.read("$attested.pk8")))
            KeyPair(certificate.publicKey, secret)
        } else {
            KeyPairGenerator.getInstance("EC", "SunEC").run {
                initialize(ECGenParameterSpec("secp256r1"))
                generateKeyPair()
            }
        }
        PlayedKeystore.keys[spec.keystoreAlias] = pair.private
        PlayedKeystore.rules[spec.keystoreAlias] = spec
        return pair
    }
}

class PlayedSecrets : KeyGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun engineInit(params: AlgorithmParameterSpec, random: SecureRandom?) {
        spec = params as KeyGenParameterSpec
    }

    override fun engineInit(random: SecureRandom?) = throw ProviderException("no rules")

    override fun engineInit(keysize: Int, random: SecureRandom?) = throw ProviderException("no rules")

    override fun engineGenerateKey(): SecretKey {
        val key = KeyGenerator.getInstance("AES", "SunJCE").run {
            init(spec.keySize)
            generateKey()
        }
        PlayedKeystore.keys[spec.keystoreAlias] = key
        PlayedKeystore.rules[spec.keystoreAlias] = spec
        return key
    }
}

class PlayedInfo : KeyFactorySpi() {
    @Suppress("UNCHECKED_CAST")
    override fun <T : KeySpec> engineGetKeySpec(key: Key, keySpec: Class<T>): T {
        // Its constructor is Android's own business, and its parameters have grown over the versions.
        val made = KeyInfo::class.java.declaredConstructors.maxBy { it.parameterCount }
        made.isAccessible = true
        val arguments = made.parameterTypes.map { type ->
            when (type) {
                // Which of its numbers is the level is told below.
                Int::class.javaPrimitiveType -> 0
                Boolean::class.javaPrimitiveType -> false
                Long::class.javaPrimitiveType -> 0L
                else -> null
            }
        }
        val info = made.newInstance(*arguments.toTypedArray())
        val level = KeyInfo::class.java.getDeclaredField("mSecurityLevel")
        level.isAccessible = true
        level.setInt(info, PlayedKeystore.level)
        return info as T
    }

    override fun engineGeneratePublic(keySpec: KeySpec): PublicKey = throw ProviderException("not here")

    override fun engineGeneratePrivate(keySpec: KeySpec): PrivateKey = throw ProviderException("not here")

    override fun engineTranslateKey(key: Key): Key = key
}

class PlayedStore : KeyStoreSpi() {
    override fun engineGetKey(alias: String, password: CharArray?): Key? {
        val key = PlayedKeystore.keys[alias] ?: return null
        val needsPerson = PlayedKeystore.rules[alias]?.isUserAuthenticationRequired == true
        // On a phone it comes from Signature.initSign; here the key is not even given.
        if (needsPerson && !PlayedKeystore.personIsThere) throw UserNotAuthenticatedException()
        return key
    }

    override fun engineGetCertificateChain(alias: String) = PlayedKeystore.chains[alias]

    override fun engineGetCertificate(alias: String) = PlayedKeystore.chains[alias]?.first()

    override fun engineDeleteEntry(alias: String) {
        PlayedKeystore.keys.remove(alias)
        PlayedKeystore.chains.remove(alias)
    }

    override fun engineContainsAlias(alias: String) = alias in PlayedKeystore.keys

    override fun engineIsKeyEntry(alias: String) = alias in PlayedKeystore.keys

    override fun engineAliases(): Enumeration<String> = Collections.enumeration(PlayedKeystore.keys.keys)

    override fun engineSize() = PlayedKeystore.keys.size

    override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit

    override fun engineStore(stream: OutputStream?, password: CharArray?) = throw ProviderException("it keeps itself")

    override fun engineGetCreationDate(alias: String): Date? = null

    override fun engineIsCertificateEntry(alias: String) = false

    override fun engineGetCertificateAlias(cert: Certificate): String? = null

    override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<out Certificate>?) =
        throw ProviderException("not here")

    override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<out Certificate>?) =
        throw ProviderException("not here")

    override fun engineSetCertificateEntry(alias: String, cert: Certificate) = throw ProviderException("not here")
}
