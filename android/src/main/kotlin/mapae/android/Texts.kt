package mapae.android

import java.util.Locale
import mapae.wallet.GateDecision
import mapae.wallet.SecurityLevel

/** What the shell itself says, in Korean and English. The wallet's own sentences come from the wallet. */
object Texts {
    private fun text(ko: String, en: String) = if (Locale.getDefault().language == "ko") ko else en

    /** The prompt before anything is shown. */
    val unlock get() = text("공무원증을 열려면 본인 확인이 필요합니다", "Confirm that it is you to open your badge")

    /** No wallet yet. */
    val noWallet get() = text("이 휴대전화에는 아직 공무원증이 없습니다", "There is no badge on this phone yet")

    /** No screen lock. */
    val noLock get() = text("화면 잠금을 먼저 설정하세요. 잠금이 없으면 공무원증을 쓸 수 없습니다", "Set a screen lock first: without one there is no badge")

    /** What a gate decided. */
    fun gate(decision: GateDecision) = "${decision.place}: ${text(decision.textKo, decision.textEn)}"

    /** Where the phone's key lives, and how far that can be believed. */
    fun key(level: SecurityLevel, attested: Boolean): String {
        val place = when (level) {
            SecurityLevel.SECURE_ELEMENT -> text("이 휴대전화의 키는 보안칩에 있습니다", "This phone's key is in a secure element")
            SecurityLevel.TRUSTED_ENVIRONMENT ->
                text("이 휴대전화의 키는 보안영역(TEE)에 있습니다", "This phone's key is in a trusted execution environment")
            SecurityLevel.SOFTWARE ->
                text("이 휴대전화의 키는 소프트웨어에 있습니다. 하드웨어로 보호되지 않습니다", "This phone's key is in software: no hardware protects it")
            SecurityLevel.UNKNOWN -> text("이 휴대전화의 키가 어디에 있는지 알 수 없습니다", "Where this phone's key is, is not known")
        }
        return if (attested) place else "$place ${text("(증명서 없음)", "(not attested)")}"
    }
}
